import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PATCHED_LABEL } from '../../../../api/constants.ts';
import type { ObjectMeta } from '../../../../api/kinds/common.ts';
import type { SplitPhase } from '../../../../api/kinds/workload-split.ts';
import { PODS } from '../../../../common/kube/resources.ts';
import { replaceStrayPods, strayPods } from '../../../../controller/garbage/stray-pods.ts';
import { silentLog } from '../../common/silent-log.ts';
import { createBench, putPod, putSplit, TARGET } from '../bench.ts';
import { refusal } from '../fake-kube.ts';

const OURS = 'qs-1';

const pod = (token: string | undefined, more: Partial<ObjectMeta> = {}): { metadata: ObjectMeta } => ({
  metadata: { name: 'a', namespace: 'shop', ...(token ? { labels: { [PATCHED_LABEL]: token } } : {}), ...more },
});

const splitIn = (phase: SplitPhase, namespace = 'shop') => {
  const split = putSplit(createBench().kube, { phase, token: OURS });
  return { ...split, metadata: { ...split.metadata, namespace } };
};

describe('a stray pod', () => {
  it('carries a token of ours that no living split has', () => {
    const stray = pod('qs-0');
    assert.deepEqual(strayPods([stray, pod(OURS)], [splitIn('Splitting')]), [stray]);
    assert.deepEqual(strayPods([stray], []), [stray]);
  });

  it('is not one that another operator has patched, nor one without a label', () => {
    assert.deepEqual(strayPods([pod('true'), pod('operator-7'), pod(undefined)], []), []);
  });

  it('is not one that is going already', () => {
    assert.deepEqual(strayPods([pod('qs-0', { deletionTimestamp: 'now' })], []), []);
  });

  it('is one whose split does not look after pods any more', () => {
    for (const phase of ['Cleaning', 'Abandoned'] as const) {
      assert.equal(strayPods([pod(OURS)], [splitIn(phase)]).length, 1, phase);
    }
    for (const phase of ['Preparing', 'Patching', 'Splitting', 'Warm', 'Draining', 'Restoring'] as const) {
      assert.equal(strayPods([pod(OURS)], [splitIn(phase)]).length, 0, phase);
    }
  });

  it('is not one with an earlier token while the environment of its target grows', () => {
    const earlier = pod('qs-0', { labels: { [PATCHED_LABEL]: 'qs-0', app: TARGET.name, tier: 'back' } });
    assert.deepEqual(strayPods([earlier], [splitIn('Patching')]), []);
    assert.deepEqual(strayPods([earlier], [splitIn('Patching', 'other')]), [earlier]);
  });

  it('is one of another target, however long a split beside it drains', () => {
    const stray = pod('qs-0', { labels: { [PATCHED_LABEL]: 'qs-0', app: 'another-worker' } });
    assert.deepEqual(strayPods([stray], [splitIn('Draining')]), [stray]);
  });
});

describe('stray pods', () => {
  it('replaces stray pods through eviction, and asks for no split where no pod is patched', async () => {
    const { kube, context, announced } = createBench();
    putPod(kube, 'clean');
    kube.fail('list workloadsplits', refusal(403, 'Forbidden', 'not needed'));
    await replaceStrayPods(context, silentLog());
    putPod(kube, 'stray', { token: 'qs-0' });
    await assert.rejects(replaceStrayPods(context, silentLog()), { code: 'PermissionDenied' });
    await replaceStrayPods(context, silentLog());
    assert.deepEqual(
      kube.all(PODS).map(({ metadata }) => metadata.name),
      ['clean'],
    );
    assert.deepEqual(announced, ['Normal Replaced stray']);
  });

  it('goes on with the others when a disruption budget holds one back, and then says so', async () => {
    const { kube, context } = createBench();
    putPod(kube, 'one', { token: 'qs-0' });
    putPod(kube, 'two', { token: 'qs-0' });
    kube.fail('eviction pods', refusal(429, 'TooManyRequests', 'the budget needs 2 healthy pods'));
    await assert.rejects(replaceStrayPods(context, silentLog()), { message: /budget/ });
    assert.deepEqual(
      kube.all(PODS).map(({ metadata }) => metadata.name),
      ['one'],
    );
    await replaceStrayPods(context, silentLog());
    assert.equal(kube.all(PODS).length, 0);
  });

  it('does not touch a pod that was replaced by one of its name between list and eviction', async () => {
    const { kube, context } = createBench();
    putPod(kube, 'stray', { token: 'qs-0' });
    kube.before('eviction pods', () => {
      kube.remove(PODS, { name: 'stray', namespace: 'shop' });
      kube.put(PODS, { metadata: { name: 'stray', namespace: 'shop', uid: 'successor' } });
    });
    await replaceStrayPods(context, silentLog());
    assert.equal(kube.all(PODS)[0]?.metadata.uid, 'successor');
  });
});
