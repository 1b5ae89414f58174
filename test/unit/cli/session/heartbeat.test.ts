import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SESSION_LABEL } from '../../../../api/constants.ts';
import { beat, firstBeat, type HeartbeatLease } from '../../../../cli/session/heartbeat.ts';
import type { SplitterError } from '../../../../common/errors.ts';
import { LEASES } from '../../../../common/kube/resources.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';
import { FakeCluster, refusals } from '../support/fake-cluster.ts';

function heart() {
  const client = new FakeCluster();
  const clock = new FakeClock(Date.UTC(2026, 2, 1, 12));
  const stop = new AbortController();
  const overdue: number[] = [];
  const session = { name: 'alice-1', namespace: 'shop', uid: 'uid-1' };
  const onOverdue = (ms: number) => void overdue.push(ms);
  return {
    client,
    clock,
    stop,
    overdue,
    options: { client, clock, session, holder: 'qsplit:a@b', timeoutSeconds: 45, signal: stop.signal, onOverdue },
  };
}

const lease = (client: FakeCluster) => client.peek<HeartbeatLease>(LEASES.plural, 'alice-1');

test('the Lease is named like the session, owned by it and labelled', async () => {
  const { client, options } = heart();
  await firstBeat(options);
  assert.deepEqual(lease(client)?.metadata.ownerReferences, [
    { apiVersion: 'queuesplitter.dev/v1alpha1', kind: 'SplitSession', name: 'alice-1', uid: 'uid-1' },
  ]);
  assert.equal(lease(client)?.metadata.labels?.[SESSION_LABEL], 'alice-1');
  assert.equal(lease(client)?.spec.renewTime, '2026-03-01T12:00:00.000000Z');
  assert.equal(lease(client)?.spec.leaseDurationSeconds, 45);
});

test('it is renewed every ten seconds until the heart is stopped', async () => {
  const { client, clock, stop, options } = heart();
  await firstBeat(options);
  const beating = beat(options);
  await clock.advance(9_999);
  assert.equal(lease(client)?.spec.renewTime, '2026-03-01T12:00:00.000000Z');
  await clock.advance(1);
  assert.equal(lease(client)?.spec.renewTime, '2026-03-01T12:00:10.000000Z');
  await clock.advance(20_000);
  assert.equal(lease(client)?.spec.renewTime, '2026-03-01T12:00:30.000000Z');
  stop.abort();
  assert.equal(await beating, undefined);
  assert.equal(clock.timers.length, 0);
});

test('a refusal ends it', async () => {
  const { client, clock, options } = heart();
  await firstBeat(options);
  const beating = beat(options);
  client.refuse = refusals.denied;
  await clock.advance(10_000);
  assert.equal(((await beating) as SplitterError).code, 'PermissionDenied');
});

test('an API server that does not answer is no refusal, and is reported once when the session is overdue', async () => {
  const { client, clock, stop, overdue, options } = heart();
  await firstBeat(options);
  const beating = beat(options);
  client.refuse = refusals.unreachable;
  await clock.advance(40_000);
  assert.deepEqual(overdue, []);
  await clock.advance(60_000);
  assert.deepEqual(overdue, [50_000]);
  client.refuse = () => undefined;
  await clock.advance(10_000);
  assert.equal(lease(client)?.spec.renewTime, '2026-03-01T12:01:50.000000Z');
  stop.abort();
  assert.equal(await beating, undefined);
});

test('a Lease that somebody removed is made again', async () => {
  const { client, clock, stop, options } = heart();
  await firstBeat(options);
  const beating = beat(options);
  client.remove(LEASES.plural, 'alice-1');
  await clock.advance(10_000);
  await settled();
  assert.equal(lease(client)?.spec.renewTime, '2026-03-01T12:00:10.000000Z');
  stop.abort();
  await beating;
});
