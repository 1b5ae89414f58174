// Actions on sessions, splits, the target and its pods: each safe to repeat, and none against an object that came later.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FINALIZER, RESTARTED_AT_ANNOTATION } from '../../../../api/constants.ts';
import type { SplitSession } from '../../../../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import { DEPLOYMENTS, PODS, SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { perform } from '../../../../controller/act/perform.ts';
import type { Action, Problem } from '../../../../controller/decide/observed.ts';
import { type Bench, createBench, putDeployment, putPod, putSession, putSplit, sqsQueue, TARGET } from '../bench.ts';
import { podFact } from '../facts.ts';
import { refusal } from '../fake-kube.ts';

const ALICE = { name: 'alice', namespace: 'shop' };
const PROBLEM: Problem = { code: 'RestartTimeout', retryable: false, message: 'too slow' };

const act = ({ context }: Bench, action: Action): Promise<void> =>
  perform(context, { namespace: 'shop', target: TARGET }, action);

describe('sessions', () => {
  it('fail with code and sentence, and an Event', async () => {
    const bench = createBench();
    await act(bench, { type: 'FailSession', session: putSession(bench.kube, 'alice'), problem: PROBLEM });
    const { status } = bench.kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE) ?? {};
    assert.deepEqual([status?.phase, status?.reason, status?.message], ['Failed', 'RestartTimeout', 'too slow']);
    assert.equal(status?.conditions?.[0]?.status, 'False');
    assert.deepEqual(bench.announced, ['Warning RestartTimeout alice']);
  });

  it('of the same name that came later do not fail', async () => {
    const bench = createBench();
    const before = putSession(bench.kube, 'alice');
    bench.kube.remove(SPLIT_SESSIONS, ALICE);
    putSession(bench.kube, 'alice');
    await assert.rejects(act(bench, { type: 'FailSession', session: before, problem: PROBLEM }), { code: 'Conflict' });
  });

  it('that failed keep their reason when their heartbeat ends, too', async () => {
    const bench = createBench();
    const session = putSession(bench.kube, 'alice');
    await act(bench, { type: 'FailSession', session, problem: PROBLEM });
    const failed = bench.kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE) ?? session;
    const silent: Problem = { code: 'HeartbeatExpired', retryable: false, message: 'silent' };
    await act(bench, { type: 'DeleteSession', session: failed, problem: silent });
    const after = bench.kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE);
    assert.equal(after?.status?.reason, 'RestartTimeout');
    assert.ok(after.metadata.deletionTimestamp);
  });

  it('are let go with the finalizers of others in place', async () => {
    const bench = createBench();
    const { metadata, ...rest } = putSession(bench.kube, 'alice');
    const session = bench.kube.put(SPLIT_SESSIONS, { ...rest, metadata: { ...metadata, finalizers: ['other/one'] } });
    await act(bench, { type: 'AddSessionFinalizer', session });
    const guarded = bench.kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE) ?? session;
    assert.deepEqual(guarded.metadata.finalizers, ['other/one', FINALIZER]);
    await act(bench, { type: 'ReleaseSession', session: guarded });
    assert.deepEqual(bench.kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE)?.metadata.finalizers, ['other/one']);
  });
});

describe('a split', () => {
  const stored = ({ kube }: Bench, { metadata }: WorkloadSplit) => kube.peek<WorkloadSplit>(WORKLOAD_SPLITS, metadata);

  it('is created once: creation is the lock', async () => {
    const bench = createBench();
    const { spec, metadata } = putSplit(bench.kube);
    bench.kube.remove(WORKLOAD_SPLITS, metadata);
    await act(bench, { type: 'CreateSplit', spec });
    assert.deepEqual(bench.kube.writes, ['create workloadsplits shop/deployment-orders-worker']);
    await assert.rejects(act(bench, { type: 'CreateSplit', spec }), { code: 'Conflict', retryable: true });
  });

  it('is not written by a controller that read it before somebody else wrote', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube);
    bench.kube.put(WORKLOAD_SPLITS, { ...split, spec: { ...split.spec, revision: 9 } });
    const write: Action = { type: 'WriteSpec', split, spec: { ...split.spec, phase: 'Cleaning' }, why: '' };
    await assert.rejects(act(bench, write), { code: 'Conflict' });
    assert.equal(stored(bench, split)?.spec.revision, 9);
  });

  it('is released in two steps, and is gone with the second', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube);
    await act(bench, { type: 'ReleaseSplit', split });
    const deleted = stored(bench, split);
    assert.ok(deleted?.metadata.deletionTimestamp);
    assert.deepEqual(bench.announced, []);
    await act(bench, { type: 'ReleaseSplit', split: deleted });
    assert.equal(stored(bench, split), undefined);
    assert.deepEqual(bench.announced, ['Normal SplitEnded orders-worker']);
  });

  it('in which somebody has begun something anew is not released', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube);
    bench.kube.put(WORKLOAD_SPLITS, split);
    await assert.rejects(act(bench, { type: 'ReleaseSplit', split }), { code: 'Conflict' });
    await act(bench, { type: 'ReleaseSplit', split: stored(bench, split) ?? split });
    const deleted = stored(bench, split) ?? split;
    bench.kube.put(WORKLOAD_SPLITS, { ...deleted, spec: { ...deleted.spec, queues: [sqsQueue('orders')] } });
    await assert.rejects(act(bench, { type: 'ReleaseSplit', split: deleted }), { code: 'Conflict' });
  });

  it('notes where partitions begin, and which of them could not be asked', async () => {
    const bench = createBench();
    const views = sqsQueue('views', { kind: 'Kafka' });
    const split = putSplit(bench.kube, { queues: [views, sqsQueue('orders')] });
    await act(bench, { type: 'RecordStartOffsets', split, keys: ['views'] });
    assert.deepEqual(stored(bench, split)?.spec.queues[0]?.start, [{ partition: 0, offset: '7' }]);
    bench.brokers.Kafka.failure = refusal(403, '', 'not allowed');
    await act(bench, { type: 'RecordStartOffsets', split: stored(bench, split) ?? split, keys: ['views'] });
    assert.deepEqual([...bench.context.failures.of(split.metadata.uid ?? '').keys()], ['startOffsets views']);
  });

  it('says with a new revision that producers are fenced', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube, { queues: [sqsQueue('views', { kind: 'Kafka' })] });
    await act(bench, { type: 'FenceProducers', split, keys: ['views'] });
    const { spec } = stored(bench, split) ?? split;
    assert.deepEqual([spec.queues[0]?.fenced, spec.revision], [true, split.spec.revision + 1]);
  });

  it('says on the target where its group reads again', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube, { queues: [sqsQueue('views', { kind: 'Kafka', leftOvers: 'Rewind' })] });
    const fallbackEnd = [{ partition: 3, offset: '20' }];
    bench.brokers.Kafka.rewound = { moved: [{ partition: 3, offset: '17' }], missing: 0, fallbackEnd };
    await act(bench, { type: 'RewindGroups', split, keys: ['views'] });
    assert.equal(stored(bench, split)?.spec.queues[0]?.rewound, true);
    assert.deepEqual(bench.announced, ['Warning Rewound orders-worker']);
    assert.deepEqual(stored(bench, split)?.spec.queues[0]?.fallbackEnd, fallbackEnd);
  });

  it('says on the target what it sent to its own fallback, and where that lies now', async () => {
    const bench = createBench();
    const views = sqsQueue('views', { kind: 'Kafka', rewound: true, fallbackEnd: [{ partition: 3, offset: '20' }] });
    const split = putSplit(bench.kube, { queues: [views] });
    bench.brokers.Kafka.own = 2;
    await act(bench, { type: 'ReturnOwnRecords', split, keys: ['views'] });
    const [queue] = stored(bench, split)?.spec.queues ?? [];
    assert.deepEqual([queue?.rewound, queue?.fallbackEnd], [true, undefined]);
    assert.deepEqual(bench.announced, ['Warning OwnRecordsReturned orders-worker']);
  });

  it('keeps what only the fallback has while a target is there to read it, and gives it up with the target', async () => {
    const bench = createBench();
    bench.brokers.Kafka.rewound = { moved: [], missing: 2, fallbackEnd: [] };
    const views = sqsQueue('views', { kind: 'Kafka' });
    const queues = [{ ...views, leftOvers: 'Rewind' as const }];
    const late = putSplit(bench.kube, { phase: 'Restoring', queues });
    await assert.rejects(act(bench, { type: 'RewindGroups', split: late, keys: ['views'] }), /2 unread records/);
    assert.equal(stored(bench, late)?.spec.queues[0]?.rewound, undefined);
    const gone = putSplit(bench.kube, { phase: 'Abandoned', queues });
    await act(bench, { type: 'RewindGroups', split: gone, keys: ['views'] });
    assert.equal(stored(bench, gone)?.spec.queues[0]?.rewound, true);
  });

  it('warns on the target of what a write means for its messages', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube);
    const warning = { reason: 'DrainGivenUp', message: '7 messages are dropped' };
    await act(bench, { type: 'WriteSpec', split, spec: split.spec, why: 'late', warning });
    assert.deepEqual(bench.announced, ['Warning DrainGivenUp orders-worker']);
  });
});

describe('the target', () => {
  const annotationOf = ({ kube }: Bench): string | undefined =>
    kube.peek<{ spec: { template: { metadata: { annotations?: Record<string, string> } } } }>(DEPLOYMENTS, {
      name: 'orders-worker',
      namespace: 'shop',
    })?.spec.template.metadata.annotations?.[RESTARTED_AT_ANNOTATION];
  const versionOf = ({ kube }: Bench): string | undefined =>
    kube.peek<WorkloadSplit>(DEPLOYMENTS, { name: 'orders-worker', namespace: 'shop' })?.metadata.resourceVersion;

  it('gets our annotation and loses it again, and nothing else', async () => {
    const bench = createBench();
    putDeployment(bench.kube);
    await act(bench, { type: 'RestartTarget', restartedAt: 'now', resourceVersion: versionOf(bench) });
    assert.equal(annotationOf(bench), 'now');
    assert.deepEqual(bench.announced, ['Normal Restarting orders-worker'], 'who wonders about new pods looks there');
    await act(bench, { type: 'RemoveRestartAnnotation', resourceVersion: versionOf(bench) });
    assert.equal(annotationOf(bench), undefined);
  });

  it('is not restarted by a controller that slept over the end of the split', async () => {
    const bench = createBench();
    putDeployment(bench.kube);
    const before = versionOf(bench);
    putDeployment(bench.kube);
    const restart: Action = { type: 'RestartTarget', restartedAt: 'now', resourceVersion: before };
    await assert.rejects(act(bench, restart), { code: 'Conflict' });
    assert.equal(annotationOf(bench), undefined);
  });

  it('that is gone needs no restore', async () => {
    await act(createBench(), { type: 'RemoveRestartAnnotation', resourceVersion: '1' });
  });
});

describe('a pod', () => {
  const evict = (bench: Bench, uid: string, started = true): Promise<void> => {
    const split = putSplit(bench.kube);
    const pod = podFact('worker-1', { uid, started });
    return act(bench, { type: 'EvictPod', split, pod, why: 'it is not patched' });
  };

  it('is evicted, and a successor of its name is not', async () => {
    const bench = createBench();
    putPod(bench.kube, 'worker-1');
    await evict(bench, 'uid of a predecessor');
    assert.equal(bench.kube.all(PODS).length, 1);
    await evict(bench, 'worker-1-uid');
    assert.equal(bench.kube.all(PODS).length, 0);
    await evict(bench, 'worker-1-uid');
    assert.deepEqual(bench.announced, ['Normal Replaced worker-1']);
  });

  it('that has not started is given no time to start', async () => {
    for (const started of [false, true]) {
      const bench = createBench();
      putPod(bench.kube, 'worker-1');
      const graces: unknown[] = [];
      const createSubresource = bench.kube.createSubresource.bind(bench.kube);
      bench.kube.createSubresource = (resource, object, subresource, body) => {
        graces.push((body as { deleteOptions: { gracePeriodSeconds?: number } }).deleteOptions.gracePeriodSeconds);
        return createSubresource(resource, object, subresource, body);
      };
      await evict(bench, 'worker-1-uid', started);
      assert.deepEqual(graces, [started ? undefined : 1]);
    }
  });

  it('that a disruption budget holds back is noted', async () => {
    const bench = createBench();
    putPod(bench.kube, 'worker-1');
    bench.kube.fail('eviction pods', refusal(429, 'TooManyRequests', 'the budget needs 2 healthy pods'));
    await evict(bench, 'worker-1-uid');
    const failure = bench.context.failures.of('uid-of-deployment-orders-worker').get('worker-1-uid');
    assert.equal(failure?.message, 'the budget needs 2 healthy pods');
  });
});
