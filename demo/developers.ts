// alice and bob: their mirrord.json files, and what of their terminals is shown.
import { type Developer, QSPLIT_ARGUMENTS, startDeveloper } from '../test/cluster/stage/developer.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { ORDERS_QUEUE_ID, ORDERS_TOPIC_ID, ORDERS_WORKER, SHOP_NAMESPACE } from '../test/shop/manifests.ts';
import type { Teller } from './telling.ts';

type Person = { name: string; mirrordJson(withKafka: boolean): string };

/** With comments and trailing commas, as people write such files. */
export const ALICE: Person = {
  name: 'alice',
  mirrordJson: (withKafka) =>
    lines(
      '{',
      '  // Only the orders of the tenant alice.',
      `  "target": { "path": "deployment/${ORDERS_WORKER}", "namespace": "${SHOP_NAMESPACE}" },`,
      '  "key": "alice",',
      '  "feature": {',
      '    "split_queues": {',
      `      "${ORDERS_QUEUE_ID}": { "queue_type": "SQS", "message_filter": { "tenant": "^alice$" } },`,
      withKafka && `      "${ORDERS_TOPIC_ID}": { "queue_type": "Kafka", "message_filter": { "tenant": "^alice$" } },`,
      '    },',
      '  },',
      '}',
    ),
};

export const BOB: Person = {
  name: 'bob',
  mirrordJson: (withKafka) =>
    lines(
      '{',
      `  "target": { "path": { "deployment": "${ORDERS_WORKER}", "container": "worker" }, "namespace": "${SHOP_NAMESPACE}" },`,
      '  "key": "bob", /* two tenants; SQS attribute names are compared without regard to case */',
      '  "feature": {',
      '    "split_queues": {',
      `      "${ORDERS_QUEUE_ID}": { "queue_type": "SQS", "message_filter": { "Tenant": "^(bob|dave)$" } },`,
      withKafka &&
        `      "${ORDERS_TOPIC_ID}": { "queue_type": "Kafka", "message_filter": { "tenant": "^(bob|dave)$" } },`,
      '    },',
      '  },',
      '}',
    ),
};

/** Of the orders that a worker prints, the first ones of each kind are enough to see whose they are. */
const SHOWN_ORDERS = 2;

export async function sitDown(person: Person, stage: Stage, teller: Teller): Promise<Developer> {
  const { name } = person;
  const mirrordJson = person.mirrordJson(stage.kafka !== undefined);
  teller.show(mirrordJson, 'cat mirrord.json');
  teller.show('', `qsplit ${QSPLIT_ARGUMENTS.join(' ')}`);
  const shown = new Map<string, number>();
  return startDeveloper(stage, {
    name,
    mirrordJson,
    onLine(line) {
      const kind = /^\w+: (\w+) order /.exec(line)?.[1];
      const before = shown.get(kind ?? '') ?? 0;
      if (kind !== undefined) shown.set(kind, before + 1);
      if (kind === undefined || before < SHOWN_ORDERS) teller.hear(name, line);
      else if (before === SHOWN_ORDERS) teller.hear(name, `… and more ${kind} orders, one line each`);
    },
  });
}

function lines(...parts: (string | false)[]): string {
  return parts.filter((part) => part !== false).join('\n');
}
