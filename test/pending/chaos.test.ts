// Every named point of the SQS life, each hit once and the hit seen; and kill -9 of every process in every phase that can be caught.
// One cluster, one life of the split after another, judged together at the end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { SplitPhase } from '../../api/kinds/workload-split.ts';
import { readReceived } from '../checker/history.ts';
import type { Snapshot } from '../checker/snapshot.ts';
import { type CrashPod, killPod, scaleOwn, startCrashPod, untilLeading } from '../cluster/stage/crash.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { leader, type OwnProcess, ownPods, readSplits, untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession } from '../cluster/stage/session.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import {
  ALLOWED,
  assertClean,
  assertRestored,
  historyOf,
  NEW_FORWARDERS,
  snapshotWorld,
} from '../cluster/stage/verdict.ts';
import { SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

const PATIENCE_MS = 240_000;

let stage: Stage;
let world: Snapshot;
const sessions: PlayedSession[] = [];
before(async () => {
  stage = await openStage();
  world = await snapshotWorld(stage);
});
after(async () => {
  await closeStage(stage);
});

/** In the order in which they come in a life. */
const ACTIONS = [
  'AddSessionFinalizer',
  'CreateSplit',
  'CreateResources',
  'SyncWebhook',
  'RestartTarget',
  'DeleteResources',
  'ReleaseSession',
  'RemoveRestartAnnotation',
  'ReleaseSplit',
] as const;

const LIVES: Record<string, string[]> = {
  'before each action': ACTIONS.map((action) => `controller.before-${action}`),
  'after each action': ACTIONS.map((action) => `controller.after-${action}`),
  'at every second write of the split': [1, 2, 3].flatMap(() => [
    'controller.before-WriteSpec:2',
    'controller.after-WriteSpec:2',
  ]),
};

for (const [index, [what, points]] of Object.entries(LIVES).entries()) {
  test(`controllers die ${what}`, async () => {
    await scaleOwn(stage, 'controller', 0);
    const first = await startCrashPod(stage, 'controller', points[0] ?? '');
    await untilLeading(stage, first);
    const name = `life-${index}`;
    const dead = dieInTurn(first, points.slice(1));
    await Promise.all([dead, live(name)]);
    for (const pod of await dead) await pod.remove();
  });
}

/** Each candidate begins to wait when the one before it leads, so that they lead in this order. The chart's own take over from the last. */
async function dieInTurn(first: CrashPod, points: readonly string[]): Promise<CrashPod[]> {
  const pods = [first];
  let leading = first;
  for (const point of points) {
    const next = await startCrashPod(stage, 'controller', point);
    pods.push(next);
    await leading.hit(PATIENCE_MS);
    await untilLeading(stage, next);
    leading = next;
  }
  await leading.hit(PATIENCE_MS);
  await scaleOwn(stage, 'controller', 2);
  return pods;
}

/** A whole life of the split: one session that gets orders, and everything put back. */
async function live(name: string): Promise<void> {
  const session = await createSession(stage, { name, filter: { tenant: '^alice$' } });
  sessions.push(session);
  await session.ready(PATIENCE_MS);
  const worker = await session.startWorker();
  await untilReceived(stage, name, 5, PATIENCE_MS);
  await worker.stop(10_000);
  await session.end(PATIENCE_MS);
  await untilRestored(stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
}

test('forwarders die around storing and deleting, and while they move left-overs', async () => {
  const session = await createSession(stage, { name: 'forwarded', filter: { tenant: '^bob$' } });
  sessions.push(session);
  await session.ready(PATIENCE_MS);
  await scaleOwn(stage, 'forwarder', 0);
  const pods: CrashPod[] = [];
  const forward = async (point: string): Promise<CrashPod> => {
    const pod = await startCrashPod(stage, 'forwarder', point);
    pods.push(pod);
    return pod;
  };
  for (const point of ['sqs.before-send:5', 'sqs.between-send-and-delete:5', 'sqs.after-delete:5']) {
    await (await forward(point)).hit(PATIENCE_MS);
  }
  // Nobody reads the session's queue, so its end has something to move back.
  const mover = await forward('move.between-send-and-delete');
  await untilForwardedBy(mover);
  const ended = session.end(PATIENCE_MS);
  await mover.hit(PATIENCE_MS);
  await scaleOwn(stage, 'forwarder', 2);
  await ended;
  await untilRestored(stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
  for (const pod of pods) await pod.remove();
});

/** It holds the split, and orders sent from now on reach the deployed workload through it. */
async function untilForwardedBy(pod: CrashPod): Promise<void> {
  const isHolding = async () => (await readSplits(stage, SHOP_NAMESPACE))[0]?.status?.forwarder?.holder === pod.name;
  await waitFor(`${pod.name} to hold the split`, isHolding, { deadlineMs: PATIENCE_MS, intervalMs: 500 });
  const since = Date.now();
  await waitFor(
    'orders to flow',
    () =>
      readReceived(stage.collector.file).some(
        ({ sentAt, readFrom }) => sentAt > since && readFrom.includes('-fallback-'),
      ),
    { deadlineMs: PATIENCE_MS, intervalMs: 500 },
  );
}

/** Who has something to do in a phase, and so is the one to kill. */
const VICTIMS: Record<OwnProcess, () => Promise<string>> = {
  controller: async () => (await leader(stage)).replace(/-[0-9a-f]+$/, ''),
  forwarder: async () => (await readSplits(stage, SHOP_NAMESPACE))[0]?.status?.forwarder?.holder ?? '',
  webhook: async () => (await ownPods(stage, 'webhook'))[0]?.metadata.name ?? '',
};

for (const victim of ['controller', 'webhook', 'forwarder'] as const) {
  test(`kill -9 of a ${victim} in each phase`, async () => {
    const over = new AbortController();
    const killing = killInEachPhase(victim, over.signal);
    await live(`killed-${victim}`).finally(() => over.abort());
    const phases = await killing;
    assert.ok(phases.has('Patching') && phases.has('Splitting'), `killed only in ${[...phases].join(', ')}`);
  });
}

/** Phases shorter than one look are not caught: the named points are for those. */
async function killInEachPhase(victim: OwnProcess, signal: AbortSignal): Promise<Set<SplitPhase>> {
  const phases = new Set<SplitPhase>();
  await waitFor(
    'the life to be over',
    async () => {
      if (signal.aborted) return true;
      const phase = (await readSplits(stage, SHOP_NAMESPACE))[0]?.spec.phase;
      if (phase === undefined || phases.has(phase)) return false;
      const name = await VICTIMS[victim]();
      const pod = (await ownPods(stage, victim)).find(({ metadata }) => metadata.name === name);
      if (pod !== undefined && killPod(pod) > 0) phases.add(phase);
      return false;
    },
    { deadlineMs: 4 * PATIENCE_MS, intervalMs: 200 },
  );
  return phases;
}

test('after all of that no message is lost or misrouted, and the world is as it was', async () => {
  await stage.finish(PATIENCE_MS);
  assertClean(historyOf(stage, sessions));
  assertRestored(world, await snapshotWorld(stage), [...ALLOWED, NEW_FORWARDERS]);
});
