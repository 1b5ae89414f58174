// alice and bob: their projects, their qsplit, and what of their terminals is shown.
import { dirname } from 'node:path';
import type { SessionLine } from '../test/checker/history.ts';
import { followLines } from '../test/cluster/stage/follow.ts';
import { type Developer, hireDeveloper, USER_ROLE, WORKER } from '../test/cluster/stage/laptop.ts';
import { readSession } from '../test/cluster/stage/session.ts';
import { type SessionTimes, sessionLines } from '../test/cluster/stage/session-lines.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { ORDERS_QUEUE_ID, ORDERS_TOPIC_ID, ORDERS_WORKER, SHOP_NAMESPACE } from '../test/shop/manifests.ts';
import { waitFor } from '../test/testbed/wait.ts';
import type { Teller } from './telling.ts';

/** Somebody of the team who is not working yet. */
export type Person = { readonly laptop: Developer; readonly mirrordJson: string };

export type Team = readonly [alice: Person, bob: Person];

/** Somebody who runs a worker through qsplit. */
export type AtWork = {
  /** The session is Ready and the worker reads. */
  started(): Promise<void>;
  /** Signals qsplit, and resolves with its exit code when the prompt is back. */
  leave(by: 'SIGINT' | 'SIGTERM'): Promise<number>;
  /** The session's object is gone: what it left is moved, its queues are deleted. */
  isForgotten(): Promise<void>;
  /** For the checker: one line for each kind. */
  lines(): SessionLine[];
};

export const ALICE = 'alice';
export const BOB = 'bob';
export const COMMAND = ['exec', '-f', 'mirrord.json', '--yes', '--', 'node', 'worker.js'] as const;

/** Of the orders that a worker prints, the first ones of each kind are enough to see whose they are. */
const SHOWN_ORDERS = 2;
const READY_DEADLINE_MS = 300_000;
const GONE_DEADLINE_MS = 120_000;

/** With comments and trailing commas, as people write such files, and in both notations of a target. */
const MIRRORD_JSON: Readonly<Record<string, (withKafka: boolean) => (string | false)[]>> = {
  [ALICE]: (withKafka) => [
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
  ],
  [BOB]: (withKafka) => [
    '{',
    `  "target": { "path": { "deployment": "${ORDERS_WORKER}", "container": "worker" }, "namespace": "${SHOP_NAMESPACE}" },`,
    '  "key": "bob", /* two tenants; for SQS, upper and lower case do not matter */',
    '  "feature": {',
    '    "split_queues": {',
    `      "${ORDERS_QUEUE_ID}": { "queue_type": "SQS", "message_filter": { "Tenant": "^(bob|dave)$" } },`,
    withKafka &&
      `      "${ORDERS_TOPIC_ID}": { "queue_type": "Kafka", "message_filter": { "tenant": "^(bob|dave)$" } },`,
    '    },',
    '  },',
    '}',
  ],
};

export async function hireTeam(stage: Stage): Promise<Team> {
  return [await hire(stage, ALICE), await hire(stage, BOB)];
}

/** Gives somebody an account with the chart's role for developers and nothing more, and a project with mirrord.json and worker.js. */
async function hire(stage: Stage, name: typeof ALICE | typeof BOB): Promise<Person> {
  const laptop = await hireDeveloper(stage, name, USER_ROLE);
  const mirrordJson = (MIRRORD_JSON[name]?.(stage.kafka !== undefined) ?? [])
    .filter((line) => line !== false)
    .join('\n');
  laptop.write('mirrord.json', mirrordJson);
  laptop.write('package.json', '{ "type": "module" }\n');
  // Its input ends when the demo is gone, in whatever way: then no worker must stay behind.
  laptop.write(
    'worker.js',
    `process.stdin.on('end', () => process.exit(1)).resume();\nawait import(${JSON.stringify(WORKER)});\n`,
  );
  return { laptop, mirrordJson };
}

export async function goToWork({ laptop, mirrordJson }: Person, stage: Stage, teller: Teller): Promise<AtWork> {
  const { name } = laptop;
  const times: SessionTimes = { startedAt: 0, readyAt: null, endRequestedAt: null, endedAt: null };
  let session = '';
  const run = await laptop.qsplit(COMMAND, machineOf(stage, laptop));
  const worksFrom = Promise.withResolvers<void>();
  const hear = abridged((line) => teller.hear(name, line));
  const heard = followLines(run.process, (line) => {
    hear(line);
    if (line === `${name} is ready`) worksFrom.resolve();
  });
  return {
    async started() {
      await run.says(/Ready after/, READY_DEADLINE_MS);
      session = await run.ready();
      times.readyAt = Date.now();
      times.startedAt = Date.parse((await readSession(stage, session))?.metadata.creationTimestamp ?? '');
      // It ends at once when qsplit does, and the line may be there before it was heard.
      await run.says(new RegExp(`^${name} is ready$`, 'm'));
      await worksFrom.promise;
    },
    async leave(by) {
      times.endRequestedAt = Date.now();
      run.signal(by);
      const code = await run.exit();
      await heard;
      return code;
    },
    async isForgotten() {
      const isGone = async () => (await readSession(stage, session)) === undefined;
      await waitFor(`the session of ${name} to be gone`, isGone, { deadlineMs: GONE_DEADLINE_MS, intervalMs: 250 });
      times.endedAt = Date.now();
    },
    lines: () => sessionLines(name, mirrordJson, times),
  };
}

/** A developer's machine: the `node` of this project, the ways to cluster and brokers, and a worker that shows what it gets. */
export function machineOf(
  { sqs, kafka, collector }: Stage,
  { name, folder, kubeconfig }: Developer,
): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    HOME: folder,
    KUBECONFIG: kubeconfig,
    ...sqs.environment,
    ...(kafka ? { KAFKA_BROKERS: kafka.bootstrapServers } : {}),
    WORKER_NAME: name,
    WORKER_VERBOSE: '1',
    HISTORY_URL: collector.url,
    HTTP_PORT: '0',
    SQS_WAIT_SECONDS: '1',
    NODE_NO_WARNINGS: '1',
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
  };
}

/** All lines, but of the orders only the first ones. */
function abridged(tell: (line: string) => void): (line: string) => void {
  const counts = new Map<string, number>();
  return (line) => {
    const kind = /^\w+: (\w+) order /.exec(line)?.[1];
    const count = (counts.get(kind ?? '') ?? 0) + 1;
    if (kind !== undefined) counts.set(kind, count);
    if (kind === undefined || count <= SHOWN_ORDERS) tell(line);
    else if (count === SHOWN_ORDERS + 1) tell(`… one line for every further order of ${kind}`);
  };
}
