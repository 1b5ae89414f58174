import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLAIM_LABEL, FORWARDER_LABEL, PATCHED_LABEL, RESTARTED_AT_ANNOTATION } from '../../../../api/constants.ts';
import type { LedgerEntry, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../../common/errors.ts';
import { DEPLOYMENTS, LEASES, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import type { Remains } from '../../../../controller/brokers/collector.ts';
import type { FoundQueue } from '../../../../controller/brokers/sqs/orphans.ts';
import { remember } from '../../../../controller/garbage/memory.ts';
import { Garbage } from '../../../../controller/garbage/sweep.ts';
import { silentLog } from '../../common/silent-log.ts';
import { CLUSTER_UID, createBench, OPERATOR, putDeployment, putPod, putSplit, sqsQueue } from '../bench.ts';

const RESTARTED = {
  spec: {
    template: {
      metadata: { annotations: { [RESTARTED_AT_ANNOTATION]: 'now' } },
      spec: { containers: [{ name: 'app' }] },
    },
  },
};
const GRACE_MS = 900_000;
const FAIL_STATIC_MS = 3_600_000;
const CLAIM: LedgerEntry = { kind: 'Claim', name: 'claim-1', role: 'claim', queue: 'orders', state: 'Created' };
const FALLBACK: LedgerEntry = {
  ...{ kind: 'SqsQueue', name: 'mirrord-1-fallback-orders', role: 'fallback', queue: 'orders', state: 'Created' },
  url: 'https://sqs/mirrord-1-fallback-orders',
} as LedgerEntry;

function foundQueue(name: string, splitUid = 'gone'): FoundQueue {
  return { name, url: `https://sqs/${name}`, connection: {}, splitUid, original: 'https://sqs/orders' };
}

/** Brokers that remember what was asked of them; `kept` is what they answer. */
function setUp() {
  const bench = createBench();
  const { clock, context } = bench;
  const asked: string[] = [];
  const remains: Remains[] = [];
  const state = {
    kept: [] as string[],
    found: [] as FoundQueue[],
    findError: undefined as SplitterError | undefined,
    onCollect: async () => undefined as unknown,
  };
  const garbage = new Garbage({
    act: context,
    brokers: {
      collectors: {
        SQS: async (given) => {
          remains.push(given);
          await state.onCollect();
          asked.push(...given.entries.map(({ name }) => name));
          return state.kept;
        },
        Kafka: async () => assert.fail('nothing of Kafka is there'),
      },
      findQueues: async (_connection, clusterUid, known) => {
        assert.equal(clusterUid, CLUSTER_UID);
        if (state.findError) throw state.findError;
        return state.found.filter(({ name }) => !known.has(name));
      },
      collectQueue: async ({ name }) => {
        asked.push(name);
        return state.kept[0];
      },
    },
    graceMs: GRACE_MS,
    failStaticMs: FAIL_STATIC_MS,
    clock,
    log: silentLog(),
  });
  const sweep = () => garbage.sweep(new AbortController().signal);
  /** Seen without an owner, and again when the time is over. */
  const sweepTwice = async () => {
    await sweep();
    await clock.advance(GRACE_MS);
    await sweep();
  };
  return { ...bench, asked, remains, state, sweep, sweepTwice };
}

type SetUp = ReturnType<typeof setUp>;

async function makeSplit({ kube, context }: SetUp): Promise<WorkloadSplit> {
  const split = putSplit(kube, { phase: 'Splitting', queues: [sqsQueue('orders')], resources: [CLAIM, FALLBACK] });
  await remember(context, split);
  kube.put(LEASES, {
    metadata: { name: CLAIM.name, namespace: OPERATOR, labels: { [CLAIM_LABEL]: 'true' } },
    spec: { holderIdentity: split.metadata.uid },
  });
  return split;
}

/** As somebody does who takes the finalizer off. */
function lose({ kube }: SetUp, { metadata }: WorkloadSplit): void {
  kube.remove(WORKLOAD_SPLITS, metadata);
}

describe('the sweep', () => {
  it('leaves alone what a living split names', async () => {
    const world = setUp();
    await makeSplit(world);
    world.state.found = [foundQueue(FALLBACK.name)];
    await world.sweepTwice();
    assert.deepEqual(world.asked, []);
    assert.equal(world.kube.all(LEASES).length, 2);
  });

  it('gives back and deletes what a lost split has left, releases its claims, and forgets it', async () => {
    const world = setUp();
    const split = await makeSplit(world);
    lose(world, split);
    await world.sweepTwice();
    assert.deepEqual(world.asked, [FALLBACK.name]);
    assert.deepEqual(world.remains[0]?.owner, { clusterUid: CLUSTER_UID, splitUid: split.metadata.uid });
    assert.equal(world.remains[0]?.isSplitAgain, false);
    assert.deepEqual(world.kube.all(LEASES), []);
    assert.deepEqual(world.announced, []);
  });

  it('waits until it was seen without an owner for the whole grace period', async () => {
    const world = setUp();
    lose(world, await makeSplit(world));
    await world.sweep();
    await world.clock.advance(GRACE_MS - 1);
    await world.sweep();
    assert.deepEqual(world.asked, []);
    await world.clock.advance(1);
    await world.sweep();
    assert.deepEqual(world.asked, [FALLBACK.name]);
  });

  it('waits only for forwarders to stop when a split was handed over', async () => {
    const world = setUp();
    const split = await makeSplit(world);
    await remember(world.context, split, true);
    lose(world, split);
    await world.sweep();
    assert.deepEqual(world.asked, []);
    await world.clock.advance(30_000);
    await world.sweep();
    assert.deepEqual(world.asked, [FALLBACK.name]);
  });

  it('collects nothing that a forwarder may still send to, until it is back or gone', async () => {
    const world = setUp();
    const renew = (renewTime: string) =>
      world.kube.put(LEASES, {
        metadata: { name: 'forwarder-1', namespace: OPERATOR, labels: { [FORWARDER_LABEL]: 'true' } },
        spec: { leaseDurationSeconds: 15, renewTime },
      });
    world.state.found = [foundQueue('mirrord-2-orders')];
    await world.sweep();
    await world.clock.advance(GRACE_MS);
    renew('once');
    await world.sweep();
    assert.deepEqual(world.asked, [], 'whoever is seen for the first time may have been silent for long');
    assert.deepEqual(world.announced, []);
    await world.clock.advance(15_000);
    await world.sweep();
    assert.deepEqual(world.asked, []);
    assert.deepEqual(world.announced, ['Warning LeftBehind queue-splitter-controller']);
    renew('twice');
    await world.sweep();
    assert.deepEqual(world.asked, ['mirrord-2-orders']);
    await world.clock.advance(15_000);
    await world.sweep();
    assert.equal(world.asked.length, 1);
    world.kube.remove(LEASES, { name: 'forwarder-1', namespace: OPERATOR });
    await world.sweep();
    assert.equal(world.asked.length, 2);
  });

  it('reckons with a silent forwarder no longer than its own bound lets it send', async () => {
    const world = setUp();
    world.kube.put(LEASES, {
      metadata: { name: 'forwarder-1', namespace: OPERATOR, labels: { [FORWARDER_LABEL]: 'true' } },
      spec: { leaseDurationSeconds: 15, renewTime: 'once' },
    });
    world.state.found = [foundQueue('mirrord-2-orders')];
    await world.sweep();
    await world.clock.advance(FAIL_STATIC_MS + 59_999);
    await world.sweep();
    assert.deepEqual(world.asked, [], 'what it had sent may still be under way');
    await world.clock.advance(1);
    await world.sweep();
    assert.deepEqual(world.asked, ['mirrord-2-orders']);
  });

  it('keeps what holds messages that cannot be given back, says so once, and tries again', async () => {
    const world = setUp();
    lose(world, await makeSplit(world));
    world.state.kept = ['3 messages are left'];
    await world.sweepTwice();
    await world.sweep();
    assert.deepEqual(world.announced, ['Warning LeftBehind queue-splitter-controller']);
    assert.equal(world.asked.length, 2);
    assert.equal(world.kube.all(LEASES).length, 2, 'memory and claim stay');
    world.state.kept = [];
    await world.sweep();
    assert.deepEqual(world.kube.all(LEASES), []);
  });

  it('collects nothing while pods may still read the queues, and takes our annotation out of the target', async () => {
    const world = setUp();
    const { kube } = world;
    putDeployment(kube);
    const deployment = { name: 'orders-worker', namespace: 'shop' };
    await kube.mergePatch(DEPLOYMENTS, deployment, {
      spec: { template: { metadata: { annotations: { [RESTARTED_AT_ANNOTATION]: 'then' } } } },
    });
    putPod(kube, 'a', { token: 'qs-old' });
    lose(world, await makeSplit(world));
    await world.sweepTwice();
    assert.deepEqual(world.asked, []);
    assert.doesNotMatch(JSON.stringify(kube.peek(DEPLOYMENTS, deployment)), /restarted-at/);
    putPod(kube, 'a');
    await world.sweep();
    assert.deepEqual(world.asked, [FALLBACK.name]);
  });

  it('leaves the target to the split that came after', async () => {
    const world = setUp();
    const { kube } = world;
    putDeployment(kube, RESTARTED);
    lose(world, await makeSplit(world));
    const next = putSplit(kube, { phase: 'Splitting', token: 'qs-new', resources: [CLAIM] });
    kube.put(WORKLOAD_SPLITS, { ...next, metadata: { ...next.metadata, uid: 'the-next' } });
    putPod(kube, 'a', { token: 'qs-new' });
    await world.sweepTwice();
    assert.match(JSON.stringify(kube.peek(DEPLOYMENTS, { name: 'orders-worker', namespace: 'shop' })), /restarted-at/);
    assert.equal(kube.all(DEPLOYMENTS)[0]?.metadata.labels?.[PATCHED_LABEL], undefined);
    assert.equal(world.remains[0]?.isSplitAgain, true);
  });

  it('sees a split that comes while it is at work', async () => {
    const world = setUp();
    const { kube, context } = world;
    putDeployment(kube);
    lose(world, await makeSplit(world));
    const second = putSplit(kube, { phase: 'Splitting', queues: [sqsQueue('orders')], resources: [CLAIM, FALLBACK] });
    const { metadata } = second;
    await remember(context, { ...second, metadata: { ...metadata, uid: 'second' } });
    lose(world, second);
    world.state.onCollect = async () => {
      putDeployment(kube, RESTARTED);
      const next = putSplit(kube, { phase: 'Splitting', token: 'qs-new', resources: [CLAIM] });
      kube.put(WORKLOAD_SPLITS, { ...next, metadata: { ...next.metadata, uid: 'the-next' } });
    };
    await world.sweepTwice();
    assert.deepEqual(
      world.remains.map(({ isSplitAgain }) => isSplitAgain),
      [false, true],
    );
    assert.match(JSON.stringify(kube.peek(DEPLOYMENTS, { name: 'orders-worker', namespace: 'shop' })), /restarted-at/);
  });

  it('does nothing more when another controller may lead', async () => {
    const world = setUp();
    lose(world, await makeSplit(world));
    await world.sweep();
    await world.clock.advance(GRACE_MS);
    world.context.isLeading = () => false;
    await assert.rejects(world.sweep(), { code: 'Conflict' });
    assert.deepEqual(world.asked, []);
    assert.equal(world.kube.all(LEASES).length, 2);
  });

  it('collects tagged queues that no ledger names, also when nothing else remembers them', async () => {
    const world = setUp();
    const split = await makeSplit(world);
    world.state.found = [foundQueue('mirrord-2-orders'), foundQueue('mirrord-3-orders', split.metadata.uid)];
    await world.sweepTwice();
    assert.deepEqual(world.asked, ['mirrord-2-orders', 'mirrord-3-orders']);
  });

  it('releases claims of splits that are gone and not remembered', async () => {
    const world = setUp();
    const claim = (name: string, holderIdentity: string) =>
      world.kube.put(LEASES, {
        metadata: { name, namespace: OPERATOR, labels: { [CLAIM_LABEL]: 'true' } },
        spec: { holderIdentity },
      });
    const split = await makeSplit(world);
    claim('claim-of-the-living', split.metadata.uid ?? '');
    claim('claim-of-the-dead', 'gone');
    await world.sweepTwice();
    const names = world.kube.all(LEASES).map(({ metadata }) => metadata.name);
    assert.deepEqual(names.toSorted(), ['claim-1', 'claim-of-the-living', `split-${split.metadata.uid}`]);
  });

  it('does what it can when it may not search', async () => {
    const world = setUp();
    lose(world, await makeSplit(world));
    world.state.findError = new SplitterError('PermissionDenied', 'sqs:ListQueues was refused');
    await world.sweepTwice();
    assert.deepEqual(world.asked, [FALLBACK.name]);
    assert.deepEqual(world.announced, []);
  });

  it('does nothing when it cannot see who lives', async () => {
    const world = setUp();
    lose(world, await makeSplit(world));
    await world.sweep();
    await world.clock.advance(GRACE_MS);
    world.kube.fail('list workloadsplits', new SplitterError('ApiRejected', 'there is no such kind'));
    await assert.rejects(world.sweep(), { code: 'ApiRejected' });
    assert.deepEqual(world.asked, []);
  });
});
