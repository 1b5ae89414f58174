import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../../common/errors.ts';
import { LEASES, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { createResources, deleteResources, growTopics } from '../../../../controller/act/resources.ts';
import { type Bench, createBench, OPERATOR, putSplit, sqsQueue } from '../bench.ts';

const CLAIM: LedgerEntry = { kind: 'Claim', name: 'claim-sqs-1', role: 'claim', queue: 'orders', state: 'Planned' };
const FALLBACK: LedgerEntry = {
  kind: 'SqsQueue',
  name: 'mirrord-1-fallback-orders',
  role: 'fallback',
  queue: 'orders',
  state: 'Planned',
};
const SESSION: LedgerEntry = { ...FALLBACK, name: 'mirrord-2-orders', role: 'session', session: 'alice' };
const UNREACHABLE = new SplitterError('BrokerUnreachable', 'no answer', { retryable: true });

function setUp(...resources: LedgerEntry[]): Bench & { split: WorkloadSplit } {
  const bench = createBench();
  const { url: _, ...fallback } = sqsQueue('orders').fallback;
  const split = putSplit(bench.kube, { queues: [sqsQueue('orders', { fallback })], resources });
  return { ...bench, split };
}

function stored({ kube, split }: { kube: Bench['kube']; split: WorkloadSplit }): WorkloadSplit {
  const found = kube.peek<WorkloadSplit>(WORKLOAD_SPLITS, split.metadata);
  assert.ok(found);
  return found;
}

const states = (bench: Parameters<typeof stored>[0]): string[] =>
  stored(bench).spec.resources.map(({ name, state }) => `${name} ${state}`);

it('growTopics asks for each, notes what fails, and writes nothing', async () => {
  const created: LedgerEntry = { ...SESSION, state: 'Created' };
  const bench = setUp({ ...CLAIM, state: 'Created' }, created);
  await growTopics(bench.context, bench.split, [created]);
  assert.deepEqual(bench.brokers.SQS.calls, ['grow mirrord-2-orders']);
  assert.equal(stored(bench).metadata.resourceVersion, bench.split.metadata.resourceVersion);
  bench.brokers.SQS.failure = UNREACHABLE;
  await growTopics(bench.context, bench.split, [created]);
  const uid = bench.split.metadata.uid ?? '';
  assert.ok(bench.context.failures.of(uid).has('growth mirrord-2-orders'));
});

describe('createResources', () => {
  it('makes what is planned, and writes down where it is', async () => {
    const bench = setUp(CLAIM, FALLBACK, SESSION);
    await createResources(bench.context, bench.split, [CLAIM, FALLBACK, SESSION]);
    assert.deepEqual(states(bench), [
      'claim-sqs-1 Created',
      'mirrord-1-fallback-orders Created',
      'mirrord-2-orders Created',
    ]);
    const { spec } = stored(bench);
    assert.equal(spec.resources[1]?.url, 'https://sqs/mirrord-1-fallback-orders');
    assert.equal(spec.queues[0]?.fallback.url, 'https://sqs/mirrord-1-fallback-orders', 'where the forwarder looks');
    assert.ok(bench.kube.peek(LEASES, { name: 'claim-sqs-1', namespace: OPERATOR }));
  });

  it('may be repeated after a crash between the queue and the ledger', async () => {
    const bench = setUp(FALLBACK);
    bench.kube.before('update workloadsplits', () => bench.kube.put(WORKLOAD_SPLITS, bench.split));
    await assert.rejects(createResources(bench.context, bench.split, [FALLBACK]), { code: 'Conflict' });
    assert.deepEqual(states(bench), ['mirrord-1-fallback-orders Planned']);
    await createResources(bench.context, stored(bench), [FALLBACK]);
    assert.deepEqual(states(bench), ['mirrord-1-fallback-orders Created']);
  });

  it('notes what fails without an error, and the rest is made', async () => {
    const bench = setUp(CLAIM, FALLBACK);
    bench.brokers.SQS.failure = UNREACHABLE;
    await createResources(bench.context, bench.split, [CLAIM, FALLBACK]);
    assert.deepEqual(states(bench), ['claim-sqs-1 Created', 'mirrord-1-fallback-orders Planned']);
    const failures = bench.context.failures.of(bench.split.metadata.uid ?? '');
    assert.deepEqual([...failures.keys()], [FALLBACK.name]);
  });

  it('does not write to the split when nothing could be made', async () => {
    const bench = setUp(FALLBACK);
    bench.brokers.SQS.failure = UNREACHABLE;
    await createResources(bench.context, bench.split, [FALLBACK]);
    const memory = `create leases ${OPERATOR}/split-${bench.split.metadata.uid}`;
    assert.deepEqual(bench.kube.writes, [memory], 'what may be there is remembered before it is made');
  });
});

describe('deleteResources', () => {
  const retired = (entry: LedgerEntry): LedgerEntry => ({ ...entry, state: 'Retired' });

  it('takes what is gone out of the ledger, with a new revision', async () => {
    const bench = setUp(retired(FALLBACK), retired(SESSION));
    await deleteResources(bench.context, bench.split, bench.split.spec.resources);
    assert.deepEqual(stored(bench).spec.resources, []);
    assert.equal(stored(bench).spec.revision, bench.split.spec.revision + 1);
    assert.deepEqual(bench.brokers.SQS.calls, ['delete mirrord-1-fallback-orders', 'delete mirrord-2-orders']);
  });

  it('keeps what could not be deleted', async () => {
    const bench = setUp(retired(CLAIM), retired(FALLBACK));
    bench.brokers.SQS.failure = new SplitterError('PermissionDenied', 'sqs:DeleteQueue is not allowed');
    await deleteResources(bench.context, bench.split, bench.split.spec.resources);
    assert.deepEqual(states(bench), ['mirrord-1-fallback-orders Retired']);
  });

  it('holds nothing against a claim of the same name that comes later', async () => {
    const bench = setUp(retired(CLAIM));
    const uid = bench.split.metadata.uid ?? '';
    bench.context.failures.note(uid, CLAIM.name, new SplitterError('OriginalClaimed', 'split elsewhere'));
    await deleteResources(bench.context, bench.split, bench.split.spec.resources);
    assert.deepEqual([...bench.context.failures.of(uid)], []);
  });
});
