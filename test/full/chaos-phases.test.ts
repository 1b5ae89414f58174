// kill -9 of every process in every phase that can be caught; and controllers that were asleep while another one led, and do not know it when
// they wake up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SplitPhase } from '../../api/kinds/workload-split.ts';
import { scaleOwn, signalPod, startCrashPod, untilLeading } from '../cluster/stage/crash.ts';
import { OPERATOR_NAMESPACE } from '../cluster/stage/installation.ts';
import { openPlay } from '../cluster/stage/play.ts';
import {
  holder,
  leader,
  type OwnProcess,
  ownPods,
  type PodSeen,
  readSplits,
  untilReceived,
  untilRestored,
} from '../cluster/stage/seen.ts';
import { SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

const PATIENCE_MS = 240_000;
/** Longer than a Lease, a session and its end together. */
const STAND_STILL_MS = 90_000;

const play = openPlay({ kafka: true });

/** A whole life of the split: one session that gets orders, and everything put back. */
async function live(name: string): Promise<void> {
  const session = await play.session({ name, filter: { tenant: '^alice$' }, kinds: play.kinds });
  await session.ready(PATIENCE_MS);
  const worker = await session.startWorker();
  await untilReceived(play.stage, name, 5, PATIENCE_MS);
  await worker.stop(20_000);
  await session.end(PATIENCE_MS);
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
}

/** Who has something to do, and so is the one to kill. */
const VICTIMS: Record<OwnProcess, () => Promise<string>> = {
  controller: async () => (await leader(play.stage)).replace(/-[0-9a-f]+$/, ''),
  forwarder: () => holder(play.stage, SHOP_NAMESPACE),
  webhook: async () => (await ownPods(play.stage, 'webhook'))[0]?.metadata.name ?? '',
};

async function victimOf(process: OwnProcess): Promise<PodSeen | undefined> {
  const name = await VICTIMS[process]();
  return (await ownPods(play.stage, process)).find(({ metadata }) => metadata.name === name);
}

for (const process of ['controller', 'webhook', 'forwarder'] as const) {
  test(`kill -9 of a ${process} in each phase`, async () => {
    const over = new AbortController();
    const killing = killInEachPhase(process, over.signal);
    await live(`killed-${process}`).finally(() => over.abort());
    const phases = await killing;
    assert.ok(phases.has('Patching') && phases.has('Splitting'), `killed only in ${[...phases].join(', ')}`);
  });
}

/** Phases shorter than one look are not caught: the named points are for those. */
async function killInEachPhase(process: OwnProcess, signal: AbortSignal): Promise<Set<SplitPhase>> {
  const phases = new Set<SplitPhase>();
  await waitFor(
    'the life to be over',
    async () => {
      if (signal.aborted) return true;
      const phase = (await readSplits(play.stage, SHOP_NAMESPACE))[0]?.spec.phase;
      if (phase === undefined || phases.has(phase)) return false;
      const pod = await victimOf(process);
      if (pod !== undefined && signalPod(pod, 'SIGKILL') > 0) phases.add(phase);
      return false;
    },
    { deadlineMs: 4 * PATIENCE_MS, intervalMs: 200 },
  );
  return phases;
}

for (const point of ['controller.before-CreateResources:2', 'controller.before-RestartTarget:1']) {
  test(`a controller that stands still at ${point} until all is over, and then goes on`, async () => {
    await scaleOwn(play.stage, 'controller', 0);
    const pod = await startCrashPod(play.stage, 'controller', `${point}:${STAND_STILL_MS}`);
    await untilLeading(play.stage, pod);
    await scaleOwn(play.stage, 'controller', 2);
    const name = point.replace(/^.*-(\w+):.*$/, '$1').toLowerCase();
    await Promise.all([live(`asleep-at-${name}`), pod.stands()]);
    await untilAwake(pod.log);
    await pod.remove();
  });
}

test('SIGSTOP of the controller that leads, in the middle of a session', async () => {
  const session = await play.session({ name: 'stopped', filter: { tenant: '^alice$' }, kinds: play.kinds });
  await session.ready(PATIENCE_MS);
  const pod = await victimOf('controller');
  assert.ok(pod && signalPod(pod, 'SIGSTOP') > 0);
  try {
    await session.end(PATIENCE_MS);
  } finally {
    signalPod(pod, 'SIGCONT');
  }
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
  await untilAwake(() => play.stage.cluster.kubectl(['logs', pod.metadata.name, '-n', OPERATOR_NAMESPACE]));
});

/** It has woken up, and knows that another one leads. */
async function untilAwake(log: () => Promise<string>): Promise<void> {
  const isAwake = async () => /not leading any more/.test(await log());
  await waitFor('the sleeper to wake up and to give up', isAwake, { deadlineMs: PATIENCE_MS, intervalMs: 500 });
}

test('after all of that no message is lost or misrouted, and the world is as it was', async () => {
  await play.judge({ patienceMs: PATIENCE_MS });
});
