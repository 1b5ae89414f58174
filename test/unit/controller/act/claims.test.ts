import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LEASES, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { claimOriginal, releaseClaim } from '../../../../controller/act/claims.ts';
import { type Bench, createBench, OPERATOR, putSplit, sqsQueue } from '../bench.ts';

const CLAIM = 'claim-sqs-1';
const NAME = { name: CLAIM, namespace: OPERATOR };
const QUEUE = sqsQueue('orders');

type Claim = { metadata: { uid: string }; spec: { holderIdentity: string } };

const holderOf = ({ kube }: Bench): string | undefined => kube.peek<Claim>(LEASES, NAME)?.spec.holderIdentity;

describe('a claim', () => {
  it('is made once, by whoever asks first, and again without effect', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube);
    await claimOriginal(bench.context, split, CLAIM, QUEUE);
    await claimOriginal(bench.context, split, CLAIM, QUEUE);
    assert.equal(holderOf(bench), split.metadata.uid);
    assert.deepEqual(bench.kube.writes, [`create leases ${OPERATOR}/${CLAIM}`]);
  });

  it('of another living split is refused with its name, and stays', async () => {
    const bench = createBench();
    const billing = putSplit(bench.kube, {}, 'deployment-billing');
    await claimOriginal(bench.context, billing, CLAIM, QUEUE);
    await assert.rejects(claimOriginal(bench.context, putSplit(bench.kube), CLAIM, QUEUE), {
      code: 'OriginalClaimed',
      retryable: false,
      message: /queue orders \(queue id orders\) is already split by shop\/deployment-billing/,
    });
    assert.equal(holderOf(bench), billing.metadata.uid);
  });

  it('of a split that is gone, or of a predecessor of the same name, holds nothing', async () => {
    const bench = createBench();
    const before = putSplit(bench.kube, {}, 'deployment-billing');
    await claimOriginal(bench.context, before, CLAIM, QUEUE);
    bench.kube.remove(WORKLOAD_SPLITS, before.metadata);
    const again = bench.kube.put(WORKLOAD_SPLITS, { ...before, metadata: { ...before.metadata, uid: 'another' } });
    await claimOriginal(bench.context, again, CLAIM, QUEUE);
    assert.equal(holderOf(bench), 'another');
  });

  it('is not taken from somebody who was quicker', async () => {
    const bench = createBench();
    const split = putSplit(bench.kube);
    bench.kube.before('create leases', () =>
      bench.kube.put(LEASES, { metadata: NAME, spec: { holderIdentity: 'quicker' } }),
    );
    await assert.rejects(claimOriginal(bench.context, split, CLAIM, QUEUE), { code: 'Conflict', retryable: true });
    assert.equal(holderOf(bench), 'quicker');
  });

  it('is released by its holder only, and twice without harm', async () => {
    const bench = createBench();
    const holder = putSplit(bench.kube);
    const other = putSplit(bench.kube, {}, 'deployment-billing');
    await claimOriginal(bench.context, holder, CLAIM, QUEUE);
    await releaseClaim(bench.context, other, CLAIM);
    assert.equal(holderOf(bench), holder.metadata.uid);
    await releaseClaim(bench.context, holder, CLAIM);
    await releaseClaim(bench.context, holder, CLAIM);
    assert.equal(holderOf(bench), undefined);
  });
});
