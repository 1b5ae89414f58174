// When the story comes to a halt: what the cluster says, as far as it answers, so that one run is enough to see why.
import { OPERATOR_NAMESPACE } from '../test/cluster/stage/installation.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { SHOP_NAMESPACE } from '../test/shop/manifests.ts';
import type { Teller } from './telling.ts';

const LOG_LINES = '--tail=12';

const QUESTIONS: readonly (readonly string[])[] = [
  ['get', 'pods', '-A', '-o', 'wide'],
  ['get', 'splitsessions', '-n', SHOP_NAMESPACE, '-o', 'wide'],
  ['describe', 'workloadsplits', '-n', SHOP_NAMESPACE],
  ...['controller', 'forwarder', 'webhook'].map((component) => [
    'logs',
    '-n',
    OPERATOR_NAMESPACE,
    '-l',
    `app.kubernetes.io/component=${component}`,
    '--prefix',
    LOG_LINES,
  ]),
];

/** Never rejects. */
export async function tellTrouble(stage: Stage, teller: Teller): Promise<void> {
  teller.chapter('The story came to a halt. What the cluster says:');
  for (const args of QUESTIONS) {
    const answer = await stage.cluster.kubectl(args, { deadlineMs: 20_000 }).catch(String);
    teller.show(answer, `kubectl ${args.join(' ')}`);
  }
}
