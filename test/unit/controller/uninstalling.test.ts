import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '../../../common/kube/lease.ts';
import { LEASES } from '../../../common/kube/resources.ts';
import {
  markUninstalling,
  UNINSTALLING_LEASE,
  UninstallMark,
  unmarkUninstalling,
} from '../../../controller/uninstalling.ts';
import { createBench, OPERATOR } from './bench.ts';

const NAME = { name: UNINSTALLING_LEASE, namespace: OPERATOR };

function setUp() {
  const { kube, clock } = createBench();
  const mark = new UninstallMark(() => clock.monotonic());
  let before: Lease | undefined;
  /** As the controller's reflector does. */
  const look = (): void => {
    const after = kube.peek<Lease>(LEASES, NAME);
    if (before?.metadata.resourceVersion !== after?.metadata.resourceVersion) mark.note({ before, after });
    before = after;
  };
  const renew = () => markUninstalling(kube, OPERATOR, 'job-1', clock.now());
  return { kube, clock, mark, look, renew };
}

describe('the mark of the clean-up', () => {
  it('is made, renewed and taken away by the Job', async () => {
    const { kube, clock, renew } = setUp();
    await renew();
    await clock.advance(1_000);
    await renew();
    const { spec } = kube.peek<Lease>(LEASES, NAME) ?? {};
    assert.deepEqual(spec, { holderIdentity: 'job-1', renewTime: '2026-01-01T00:00:01.000000Z' });
    await unmarkUninstalling(kube, OPERATOR);
    assert.equal(kube.peek(LEASES, NAME), undefined);
  });

  it('counts from its first renewal on, and no longer when it is taken away', async () => {
    const { kube, mark, look, renew } = setUp();
    assert.equal(mark.isLiving, false);
    await renew();
    look();
    assert.equal(mark.isLiving, false);
    await renew();
    look();
    assert.equal(mark.isLiving, true);
    await unmarkUninstalling(kube, OPERATOR);
    look();
    assert.equal(mark.isLiving, false);
  });

  it('ends nobody when a controller that has just begun to lead finds the one of a Job that was killed', async () => {
    const { mark, look, renew } = setUp();
    await renew();
    await renew();
    look();
    assert.equal(mark.isLiving, false);
  });

  it('runs out when the Job is killed, and is taken away', async () => {
    const { kube, clock, mark, look, renew } = setUp();
    await renew();
    look();
    await renew();
    look();
    await clock.advance(29_999);
    assert.equal(mark.isLiving, true);
    await clock.advance(1);
    assert.equal(mark.isLiving, false);
    assert.equal(await mark.removeStale(kube), false);
    await clock.advance(30_000);
    assert.equal(await mark.removeStale(kube), true);
    assert.equal(kube.peek(LEASES, NAME), undefined);
  });

  it('stays when the Job turns out to live while it is taken away', async () => {
    const { kube, clock, mark, look, renew } = setUp();
    await renew();
    look();
    await clock.advance(60_000);
    kube.before('delete leases', () => kube.put(LEASES, { metadata: NAME, spec: { holderIdentity: 'job-2' } }));
    await assert.rejects(mark.removeStale(kube), { code: 'Conflict' });
    look();
    assert.equal(mark.isLiving, true);
  });
});
