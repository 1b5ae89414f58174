import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lease, LeaseObserver, microTime } from '../../../../common/kube/lease.ts';
import { FakeClock } from '../fake-clock.ts';

function lease(renewTime: string, metadata: Partial<Lease['metadata']> = {}): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'a', namespace: 'shop', uid: 'u1', ...metadata },
    spec: { holderIdentity: 'me', renewTime },
  };
}

describe('LeaseObserver', () => {
  it('measures since it first saw the present state, whatever times are written in it', async () => {
    const clock = new FakeClock();
    const observer = new LeaseObserver(clock);
    assert.equal(observer.sinceChangeMs(lease('1999')), 0);
    await clock.advance(40_000);
    assert.equal(observer.sinceChangeMs(lease('1999')), 40_000);
    assert.equal(observer.sinceChangeMs(lease('1998')), 0);
    await clock.advance(10);
    assert.equal(observer.sinceChangeMs(lease('1998', { resourceVersion: '7', labels: { x: 'y' } })), 10);
    assert.equal(observer.sinceChangeMs(lease('1998', { uid: 'u2' })), 0);
  });

  it('gives the full time again after reset and forget', async () => {
    const clock = new FakeClock();
    const observer = new LeaseObserver(clock);
    observer.sinceChangeMs(lease('1999'));
    await clock.advance(40_000);
    observer.reset();
    assert.equal(observer.sinceChangeMs(lease('1999')), 0);
    await clock.advance(40_000);
    observer.forget({ namespace: 'shop', name: 'a' });
    assert.equal(observer.sinceChangeMs(lease('1999')), 0);
  });

  it('calls nobody renewed whom it has not seen to renew', async () => {
    const clock = new FakeClock();
    const observer = new LeaseObserver(clock);
    assert.equal(observer.judge(lease('1'), 15_000), 'unknown');
    await clock.advance(14_999);
    assert.equal(observer.judge(lease('1'), 15_000), 'unknown');
    await clock.advance(1);
    assert.equal(observer.judge(lease('1'), 15_000), 'silent');
    assert.equal(observer.judge(lease('2'), 15_000), 'renewed');
    await clock.advance(15_000);
    assert.equal(observer.judge(lease('2'), 15_000), 'silent');
    observer.reset();
    assert.equal(observer.judge(lease('2'), 15_000), 'unknown');
  });
});

describe('microTime', () => {
  it('has six digits', () => assert.equal(microTime(1_700_000_000_123), '2023-11-14T22:13:20.123000Z'));
});
