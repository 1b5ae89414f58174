// The story: a shop, two developers who come and go one after the other, and everything as it was. Each act waits for what it tells.

import type { Developer } from '../test/cluster/stage/developer.ts';
import { watchSplit } from '../test/cluster/stage/split-watch.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { historyOf, snapshotWorld } from '../test/cluster/stage/verdict.ts';
import {
  podNames,
  untilOriginalsAreRead,
  untilReceives,
  untilRestored,
  untilSettled,
} from '../test/cluster/stage/waiting.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../test/shop/manifests.ts';
import { type Conclusion, conclude } from './conclusion.ts';
import { ALICE, BOB, sitDown } from './developers.ts';
import type { Teller } from './telling.ts';
import { lagTable, receivedTable } from './views.ts';

/** Orders of each kind that a developer reads before the story goes on. */
const ENOUGH = 15;
/** Where our label and the guide's are the same: pods that read temporary queues. */
const PATCHED_LABEL = 'operator.metalbear.co/patched';

/** `signal` ends it early, by rejecting. */
export async function tell(stage: Stage, teller: Teller, signal: AbortSignal): Promise<Conclusion> {
  const patience = { signal };
  teller.chapter('1. The shop');
  teller.say(
    `${ORDERS_WORKER} has three pods and reads ${sources(stage)}. Producers send orders of four tenants and never pause.`,
  );
  await untilReceives(stage, ORDERS_WORKER, ENOUGH, patience);
  await untilSettled(stage, patience);
  teller.show(receivedTable(stage, []));
  teller.say('This is how the world looks before: every queue, topic, group, object and label is written down.');
  const before = await snapshotWorld(stage);

  const watch = new AbortController();
  const watching = watchSplit(stage, (phase, printed) => tellPhase(teller, phase, printed), watch.signal);
  try {
    const alice = await arrive(ALICE, '2. alice works on her orders', stage, teller, signal);
    await showPods(stage, teller);
    await untilReceives(stage, ALICE.name, ENOUGH, patience);

    const pods = await podNames(stage, ORDERS_WORKER);
    const bob = await arrive(BOB, '3. bob comes, too', stage, teller, signal);
    const same = String(pods) === String(await podNames(stage, ORDERS_WORKER));
    teller.say(same ? 'No pod was restarted for him.' : 'Pods of the shop were restarted for him.');
    await Promise.all([ALICE, BOB].map(({ name }) => untilReceives(stage, name, ENOUGH, patience)));
    await showWork(stage, teller);

    teller.chapter('4. They leave');
    await leave(alice, 'SIGINT', 'alice presses Ctrl-C.', teller);
    await alice.gone(undefined, signal);
    await untilReceives(stage, BOB.name, ENOUGH, patience);
    await leave(bob, 'SIGTERM', "bob's terminal is closed.", teller);
    await bob.gone(undefined, signal);
    teller.say('The last session is over: the workload empties the fallback and goes back to its own queues.');
    await untilRestored(stage, patience);
    await untilOriginalsAreRead(stage, ORDERS_WORKER, 'alice', patience);
    teller.say(`${ORDERS_WORKER} reads the originals again, orders of alice included.`);

    teller.chapter('5. What became of every single order');
    teller.say('The producers stop; every order that a broker has acknowledged must have been handled by somebody.');
    await stage.finish();
    return conclude(historyOf(stage, [alice, bob]), before, await snapshotWorld(stage));
  } finally {
    watch.abort();
    await watching;
  }
}

function sources({ kafka }: Stage): string {
  return kafka ? 'the SQS queue orders and the Kafka topic orders' : 'the SQS queue orders';
}

async function arrive(
  person: typeof ALICE,
  title: string,
  stage: Stage,
  teller: Teller,
  signal: AbortSignal,
): Promise<Developer> {
  teller.chapter(title);
  const startedAt = performance.now();
  const developer = await sitDown(person, stage, teller);
  await developer.ready(undefined, signal);
  teller.say(`${person.name} works, ${seconds(performance.now() - startedAt)} after the command.`);
  return developer;
}

async function leave(developer: Developer, by: 'SIGINT' | 'SIGTERM', sentence: string, teller: Teller): Promise<void> {
  teller.say(sentence);
  const startedAt = performance.now();
  const { code, signal } = await developer.leave(by);
  teller.say(
    `${developer.name} is back at the prompt after ${seconds(performance.now() - startedAt)} (exit code ${code ?? signal}).`,
  );
}

async function showPods(stage: Stage, teller: Teller): Promise<void> {
  const args = ['get', 'pods', '-n', SHOP_NAMESPACE, '-L', PATCHED_LABEL];
  teller.show(await stage.cluster.kubectl(args), `kubectl ${args.join(' ')}`);
}

async function showWork(stage: Stage, teller: Teller): Promise<void> {
  const names = [ALICE.name, BOB.name];
  teller.say('Both work. Nobody reads the orders of another, and the shop goes on with all others.');
  teller.show(receivedTable(stage, names));
  teller.say("The forwarders' /metrics say how much waits where:");
  teller.show(await lagTable(stage, names));
  const args = ['get', 'splitsessions', '-n', SHOP_NAMESPACE];
  teller.show(await stage.cluster.kubectl(args), `kubectl ${args.join(' ')}`);
}

function tellPhase(teller: Teller, phase: string, printed: string): void {
  if (phase === '') teller.say('The split is gone.');
  else teller.show(printed, `kubectl get workloadsplits -n ${SHOP_NAMESPACE}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
