// The end of a split's object: what was made for it is forgotten when nothing is left, and remembered when its namespace cannot wait.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import { WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { perform } from '../../../../controller/act/perform.ts';
import { memories } from '../../../../controller/garbage/memory.ts';
import { createBench, putSplit, sqsQueue, TARGET } from '../bench.ts';

const FALLBACK: LedgerEntry = {
  ...{ kind: 'SqsQueue', name: 'mirrord-1-fallback-orders', role: 'fallback', queue: 'orders', state: 'Created' },
  url: 'https://sqs/mirrord-1-fallback-orders',
} as LedgerEntry;
const PLACE = { namespace: 'shop', target: TARGET };

function setUp(resources: LedgerEntry[]) {
  const bench = createBench();
  const made = putSplit(bench.kube, { phase: 'Abandoned', queues: [sqsQueue('orders')], resources });
  const split = bench.kube.put<WorkloadSplit>(WORKLOAD_SPLITS, {
    ...made,
    metadata: { ...made.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  });
  return { ...bench, split };
}

describe('a split that goes', () => {
  it('is handed over with all that is left of it, and an Event for the operator', async () => {
    const { context, kube, split, announced } = setUp([FALLBACK]);
    await perform(context, PLACE, { type: 'HandOver', split });
    assert.equal(kube.peek(WORKLOAD_SPLITS, split.metadata as Required<typeof split.metadata>), undefined);
    const [memory] = await memories(context);
    assert.deepEqual([memory?.handedOver, memory?.resources], [true, [FALLBACK]]);
    assert.deepEqual(announced, ['Warning HandedOver queue-splitter-controller']);
  });

  it('is not handed over as it was before somebody else wrote', async () => {
    const { context, kube, split } = setUp([FALLBACK]);
    putSplit(kube, { phase: 'Cleaning', resources: [] });
    await assert.rejects(perform(context, PLACE, { type: 'HandOver', split }), { code: 'Conflict' });
    assert.ok(kube.peek(WORKLOAD_SPLITS, split.metadata as Required<typeof split.metadata>));
  });

  it('is forgotten when it is released', async () => {
    const { context, split } = setUp([]);
    await perform(context, PLACE, { type: 'CreateResources', split, entries: [] });
    assert.equal((await memories(context)).length, 1);
    await perform(context, PLACE, { type: 'ReleaseSplit', split });
    assert.deepEqual(await memories(context), []);
  });
});
