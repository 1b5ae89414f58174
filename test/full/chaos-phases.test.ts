// kill -9 of every process in every phase that can be caught.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SplitPhase } from '../../api/kinds/workload-split.ts';
import { signalPod } from '../cluster/stage/crash.ts';
import { playLife } from '../cluster/stage/life.ts';
import { openPlay } from '../cluster/stage/play.ts';
import { holder, leadingPod, type OwnProcess, ownPods, type PodSeen, readSplits } from '../cluster/stage/seen.ts';
import { SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

const PATIENCE_MS = 240_000;

const play = openPlay({ kafka: true });

/** Who has something to do, and so is the one to kill. */
const VICTIMS: Record<OwnProcess, () => Promise<string>> = {
  controller: () => leadingPod(play.stage),
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
    await playLife(play, `killed-${process}`, PATIENCE_MS).finally(() => over.abort());
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

test('after all of that no message is lost or misrouted, and the world is as it was', async () => {
  await play.judge({ patienceMs: PATIENCE_MS });
});
