// The story: a shop, two developers who come and go one after the other, and everything as it was. Each act waits for what it tells.
import { readPods, untilRestored } from '../test/cluster/stage/seen.ts';
import { untilSettled } from '../test/cluster/stage/settled.ts';
import { watchSplit } from '../test/cluster/stage/split-watch.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { historyOf, snapshotWorld } from '../test/cluster/stage/verdict.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../test/shop/manifests.ts';
import { type Conclusion, conclude } from './conclusion.ts';
import { ALICE, type AtWork, BOB, COMMAND, goToWork, type Person, type Team } from './developers.ts';
import type { Teller } from './telling.ts';
import { lagTable, receivedTable } from './views.ts';
import { untilOriginalsAreRead, untilReceives } from './waits.ts';

/** Orders of each kind that somebody reads before the story goes on. */
const ENOUGH = 15;
/** Pods that read temporary queues carry it; the name is mirrord's. */
const PATCHED_LABEL = 'operator.metalbear.co/patched';
/** Every pod of the shop is replaced once more, and a machine may have other things to do. */
const RESTORE_DEADLINE_MS = 600_000;
const FINISH_DEADLINE_MS = 300_000;

/** alice and bob are hired, and nobody has split anything yet. */
export async function tell(stage: Stage, [alice, bob]: Team, teller: Teller): Promise<Conclusion> {
  teller.chapter('1. The shop');
  teller.say(
    `${ORDERS_WORKER} has three pods and reads ${originals(stage)}. Producers send orders of four tenants and never pause.`,
  );
  await untilReceives(stage, ORDERS_WORKER, ENOUGH);
  await untilSettled(stage);
  teller.show(receivedTable(stage, []));
  teller.say('Every queue, topic, group, object, label and webhook is written down, to be compared at the end.');
  const before = await snapshotWorld(stage);

  const play = new AbortController();
  const watching = watchSplit(stage, (phase, printed) => tellPhase(teller, phase, printed), play.signal);
  try {
    const sessions = await playSessions(alice, bob, stage, teller);
    teller.chapter('5. What became of every single order');
    teller.say('The producers stop. Whatever a broker has acknowledged must have been handled by somebody.');
    await stage.finish(FINISH_DEADLINE_MS);
    return conclude(historyOf(stage, sessions), before, await snapshotWorld(stage));
  } finally {
    play.abort();
    await watching;
  }
}

async function playSessions(alice: Person, bob: Person, stage: Stage, teller: Teller): Promise<AtWork[]> {
  teller.chapter('2. alice works on her orders');
  teller.say(`alice runs a changed ${ORDERS_WORKER} on her laptop, and wants the orders of her tenant and no others.`);
  teller.say('Lines with "alice │" are her terminal.');
  const alicesSession = await begin(alice, stage, teller);
  await showPods(stage, teller);
  await untilReceives(stage, ALICE, ENOUGH);

  teller.chapter('3. bob comes, too');
  teller.say('bob wants the orders of two tenants. The shop is split already, so he need not wait for its pods.');
  const pods = await podsOfTheShop(stage);
  const bobsSession = await begin(bob, stage, teller);
  const areSame = pods === (await podsOfTheShop(stage));
  teller.say(areSame ? 'No pod of the shop was restarted for him.' : 'Pods of the shop were restarted for him.');
  await Promise.all([ALICE, BOB].map((name) => untilReceives(stage, name, ENOUGH)));
  await showWork(stage, teller);

  teller.chapter('4. They leave');
  teller.say('alice presses Ctrl-C.');
  await end(alicesSession, ALICE, 'SIGINT', teller);
  await alicesSession.isForgotten();
  teller.say('What she had not read is with the shop now, and her queues are deleted. bob works on.');
  await untilReceives(stage, BOB, ENOUGH);
  teller.say('bob is ended by SIGTERM, as an IDE or a CI runner does it.');
  await end(bobsSession, BOB, 'SIGTERM', teller);
  await bobsSession.isForgotten();
  teller.say('No session is left: the shop empties the temporary queues and goes back to its own.');
  await untilRestored(stage, undefined, { deadlineMs: RESTORE_DEADLINE_MS });
  await untilOriginalsAreRead(stage, ORDERS_WORKER, ALICE);
  teller.say(`${ORDERS_WORKER} reads ${originals(stage)} again, with the orders of alice and bob.`);
  return [alicesSession, bobsSession];
}

function originals({ kafka }: Stage): string {
  return kafka ? 'the SQS queue orders and the Kafka topic orders' : 'the SQS queue orders';
}

async function begin(person: Person, stage: Stage, teller: Teller): Promise<AtWork> {
  teller.show(person.mirrordJson, 'cat mirrord.json');
  teller.type(`qsplit ${COMMAND.join(' ')}`);
  const startedAt = performance.now();
  const session = await goToWork(person, stage, teller);
  await session.started();
  teller.say(`${person.laptop.name} works, ${seconds(performance.now() - startedAt)} after typing the command.`);
  return session;
}

async function end(session: AtWork, name: string, by: 'SIGINT' | 'SIGTERM', teller: Teller): Promise<void> {
  const startedAt = performance.now();
  const code = await session.leave(by);
  if (code !== 0) throw new Error(`The worker of ${name} ends well after ${by}, but qsplit ended with code ${code}.`);
  teller.say(`${name} is back at the prompt after ${seconds(performance.now() - startedAt)} (exit code 0).`);
}

async function podsOfTheShop(stage: Stage): Promise<string> {
  const pods = await readPods(stage, SHOP_NAMESPACE, `app=${ORDERS_WORKER}`);
  return pods
    .map(({ metadata }) => metadata.uid)
    .sort()
    .join();
}

async function showPods(stage: Stage, teller: Teller): Promise<void> {
  const args = ['get', 'pods', '-n', SHOP_NAMESPACE, '-L', PATCHED_LABEL];
  teller.show(await stage.cluster.kubectl(args), `kubectl ${args.join(' ')}`);
}

async function showWork(stage: Stage, teller: Teller): Promise<void> {
  teller.say('Both work. Nobody gets the orders of somebody else, and the shop goes on with all others.');
  teller.show(receivedTable(stage, [ALICE, BOB]));
  teller.say("How much waits where, by the forwarders' own /metrics:");
  teller.show(await lagTable(stage, [ALICE, BOB]));
  const args = ['get', 'splitsessions', '-n', SHOP_NAMESPACE];
  teller.show(await stage.cluster.kubectl(args), `kubectl ${args.join(' ')}`);
}

function tellPhase(teller: Teller, phase: string, printed: string): void {
  if (phase === '') {
    teller.say('The split is gone.');
    return;
  }
  teller.show(printed, `kubectl get workloadsplits -n ${SHOP_NAMESPACE}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
