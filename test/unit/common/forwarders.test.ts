import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORWARDER_LEASE_MS, silentSentence, suspectsAmong } from '../../../common/forwarders.ts';
import { type Lease, LeaseObserver } from '../../../common/kube/lease.ts';
import { FakeClock } from './fake-clock.ts';

const FAIL_STATIC_MS = 3_600_000;

const lease = (name: string, renewTime = 'once'): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, namespace: 'operator', uid: name },
  spec: { holderIdentity: name, renewTime },
});

test('nobody is believed to live who was not seen to renew, and nobody feared whom its own bound has stopped', async () => {
  const clock = new FakeClock();
  const observer = new LeaseObserver(clock);
  const look = (...leases: Lease[]) => suspectsAmong(leases, observer, FAIL_STATIC_MS);
  assert.deepEqual(look(lease('a'), lease('b')), { silent: [], unknown: ['a', 'b'] });
  assert.deepEqual(look(lease('a', 'twice'), lease('b')), { silent: [], unknown: ['b'] });
  await clock.advance(FORWARDER_LEASE_MS);
  assert.deepEqual(look(lease('a', 'again'), lease('b')), { silent: ['b'], unknown: [] });
  await clock.advance(FAIL_STATIC_MS);
  assert.deepEqual(look(lease('b')).silent, ['b'], 'what it had sent may still be under way');
  await clock.advance(60_000);
  assert.deepEqual(look(lease('b')), { silent: [], unknown: [] });
});

test('the sentence says who, for how long, and what to do', () => {
  const sentence = silentSentence({ silent: ['a', 'b'], unknown: [] }, 'operator', FAIL_STATIC_MS);
  assert.match(sentence, /^forwarder a b .* until 60 minutes .*kubectl -n operator delete lease a b/);
});
