import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import { PODS } from '../../../common/kube/resources.ts';
import { TargetPods } from '../../../controller/target-pods.ts';
import { waitFor } from '../../testbed/wait.ts';
import { silentLog } from '../common/silent-log.ts';
import { createBench, putPod, putSplit } from './bench.ts';

function setUp() {
  const bench = createBench();
  const woken: string[] = [];
  const pods = new TargetPods({
    client: bench.kube,
    log: silentLog(),
    clock: bench.clock,
    onPods: (split) => woken.push(split.metadata.name),
  });
  return { ...bench, woken, pods };
}

async function untilWoken(woken: readonly string[], times: number): Promise<void> {
  await waitFor(`${times} calls`, () => woken.length >= times, { deadlineMs: 5_000, intervalMs: 5 });
}

function appearing(split: WorkloadSplit): { before: undefined; after: WorkloadSplit } {
  return { before: undefined, after: split };
}

describe('the watch on the pods of split targets', () => {
  it('wakes the split when one appears, loses its label, or goes, and not when nothing that matters changed', async () => {
    const { kube, woken, pods } = setUp();
    putPod(kube, 'a', { token: 'qs-1' });
    pods.note(appearing(putSplit(kube)));
    await untilWoken(woken, 1);
    putPod(kube, 'b');
    await untilWoken(woken, 2);
    putPod(kube, 'a');
    await untilWoken(woken, 3);
    kube.remove(PODS, { name: 'b', namespace: 'shop' });
    await untilWoken(woken, 4);
    putPod(kube, 'a', { status: { conditions: [{ type: 'Ready', status: 'True' }], startTime: 'later' } });
    putPod(kube, 'c');
    await untilWoken(woken, 5);
    assert.deepEqual(woken, Array(5).fill('deployment-orders-worker'));
    await pods.stop();
  });

  it('looks at no other pods', async () => {
    const { kube, woken, pods } = setUp();
    pods.note(appearing(putSplit(kube)));
    kube.put(PODS, { metadata: { name: 'stranger', namespace: 'shop', labels: { app: 'invoices-worker' } } });
    kube.put(PODS, { metadata: { name: 'elsewhere', namespace: 'other', labels: { app: 'orders-worker' } } });
    putPod(kube, 'a');
    await untilWoken(woken, 1);
    await pods.stop();
    assert.equal(woken.length, 1);
  });

  it('lasts as long as the split: one of the same name gets a watch of its own', async () => {
    const { kube, woken, pods } = setUp();
    const first = putSplit(kube);
    pods.note(appearing(first));
    putPod(kube, 'a');
    await untilWoken(woken, 1);
    const second = { ...first, metadata: { ...first.metadata, uid: 'another' } };
    pods.note({ before: first, after: second });
    await untilWoken(woken, 2);
    putPod(kube, 'b');
    await untilWoken(woken, 3);
    pods.note({ before: second, after: undefined });
    await pods.stop();
    putPod(kube, 'c');
    assert.equal(woken.length, 3);
  });

  it('begins no watch any more once it was stopped: nobody would be left to end it', async () => {
    const { kube, woken, pods } = setUp();
    putPod(kube, 'a');
    const split = putSplit(kube);
    await pods.stop();
    let lists = 0;
    const { list } = kube;
    kube.list = ((...args: Parameters<typeof list>) => {
      lists += 1;
      return list.apply(kube, args);
    }) as typeof list;
    pods.note(appearing(split));
    assert.equal(lists, 0);
    assert.deepEqual(woken, []);
    await pods.stop();
  });
});
