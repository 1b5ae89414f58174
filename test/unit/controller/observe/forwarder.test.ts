import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import type { Lease } from '../../../../common/kube/lease.ts';
import { createForwarderWatch } from '../../../../controller/observe/forwarder.ts';
import { Steady } from '../../../../controller/observe/steady.ts';
import { FakeClock } from '../../common/fake-clock.ts';

function lease(renewTime: string): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'forwarder-1', namespace: 'operator', uid: 'lease' },
    spec: { holderIdentity: 'forwarder-1', leaseDurationSeconds: 15, renewTime },
  };
}

function setUp() {
  const clock = new FakeClock();
  const leases: { cached: Lease | undefined; stored: Lease | undefined } = { cached: lease('0'), stored: lease('0') };
  const isAway = createForwarderWatch({
    client: { get: async <T>() => leases.stored as T | undefined },
    lease: () => leases.cached,
    namespace: 'operator',
    steady: new Steady(() => clock.monotonic()),
    clock,
  });
  const split = (holder?: string) =>
    ({ metadata: { uid: 'split' }, status: holder && { forwarder: { holder } } }) as unknown as WorkloadSplit;
  /** As a controller does that looks every five seconds. */
  const lookFor = async (seconds: number, each?: () => void): Promise<boolean> => {
    let result = await isAway(split('forwarder-1'));
    for (let passed = 0; passed < seconds; passed += 5) {
      await clock.advance(5_000);
      each?.();
      result = await isAway(split('forwarder-1'));
    }
    return result;
  };
  return { leases, isAway, split, lookFor };
}

describe('the holder of a split', () => {
  it('is away when its lease has run out for a while', async () => {
    const { lookFor } = setUp();
    assert.equal(await lookFor(20), false);
    assert.equal(await lookFor(5), true);
  });

  it('is not away while only the cache does not see it', async () => {
    const { leases, lookFor } = setUp();
    let renewals = 0;
    const renew = () => {
      renewals += 1;
      leases.stored = lease(String(renewals));
    };
    assert.equal(await lookFor(120, renew), false);
  });

  it('is away when its lease is gone, and not for the moment in which a successor takes over', async () => {
    const { leases, lookFor } = setUp();
    leases.cached = undefined;
    leases.stored = undefined;
    assert.equal(await lookFor(5), false);
    assert.equal(await lookFor(5), true);
    leases.cached = lease('1');
    assert.equal(await lookFor(0), false);
  });

  it('cannot be away before there was one', async () => {
    const { isAway, split } = setUp();
    assert.equal(await isAway(split()), false);
  });
});
