import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { SplitSession } from '../../../../api/kinds/split-session.ts';
import { SessionFollower } from '../../../../cli/session/watch.ts';
import { SPLIT_SESSIONS } from '../../../../common/kube/resources.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';
import { FakeCluster, refusals } from '../support/fake-cluster.ts';

const PLURAL = SPLIT_SESSIONS.plural;

function session(uid = 'uid-1'): SplitSession {
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'SplitSession',
    metadata: { name: 'alice-1', namespace: 'shop', uid },
    spec: { target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'w' }, queues: [] },
  };
}

async function follow(t: TestContext, prepare: (client: FakeCluster) => void = () => undefined) {
  const client = new FakeCluster();
  client.seed(SPLIT_SESSIONS, session());
  prepare(client);
  const clock = new FakeClock(Date.UTC(2026, 2, 1, 12));
  const stop = new AbortController();
  const reachable: boolean[] = [];
  const phases: (string | undefined)[] = [];
  const follower = new SessionFollower(client, clock, session(), {
    onChange: (_before, after) => void phases.push(after === undefined ? 'gone' : after.status?.phase),
    onReachable: (value) => void reachable.push(value),
  });
  const running = follower.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
    assert.equal(clock.timers.length, 0, 'no timer stays');
    assert.equal(client.watches, 0, 'no watch stays');
  });
  await clock.advance(0);
  return { client, clock, stop, reachable, phases, follower };
}

const ready = (view: SplitSession | undefined) => (view?.status?.phase === 'Ready' ? true : undefined);
const gone = (view: SplitSession | undefined) => (view === undefined ? true : undefined);

test('changes arrive by the watch, without a further read', async (t) => {
  const { client, clock, stop, follower, phases } = await follow(t);
  const becomesReady = follower.until(ready, stop.signal);
  client.change(PLURAL, 'alice-1', { status: { phase: 'Pending' } });
  await clock.advance(0);
  client.change(PLURAL, 'alice-1', { status: { phase: 'Ready' } });
  assert.equal(await becomesReady, true);
  assert.deepEqual(phases, [undefined, 'Pending', 'Ready']);
  assert.equal(client.calls.filter((call) => call.startsWith('get')).length, 1);
});

test('a watch that ended or broke is begun again with a read', async (t) => {
  const { client, clock, stop, follower } = await follow(t);
  client.breakWatches();
  await settled();
  await clock.advance(1000);
  client.breakWatches(refusals.unreachable());
  await settled();
  await clock.advance(0);
  client.change(PLURAL, 'alice-1', { status: { phase: 'Ready' } });
  await clock.advance(1000);
  assert.equal(await follower.until(ready, stop.signal), true);
});

test('who may not watch reads every second', async (t) => {
  const { client, clock, stop, follower } = await follow(t, (cluster) => {
    cluster.refuse = (verb) => (verb === 'watch' ? refusals.denied() : undefined);
  });
  client.change(PLURAL, 'alice-1', { status: { phase: 'Ready' } });
  await clock.advance(2000);
  assert.equal(await follower.until(ready, stop.signal), true);
  assert.equal(client.calls.filter((call) => call.startsWith('watch')).length, 1);
});

test('a deleted session is gone, and so is one whose name belongs to another now', async (t) => {
  const deleted = await follow(t);
  const isGone = deleted.follower.until(gone, deleted.stop.signal);
  deleted.client.remove(PLURAL, 'alice-1');
  assert.equal(await isGone, true);

  const replaced = await follow(t, (cluster) => {
    cluster.remove(PLURAL, 'alice-1');
    cluster.seed(SPLIT_SESSIONS, session('uid-2'));
  });
  assert.equal(await replaced.follower.until(gone, replaced.stop.signal), true);
});

test('an API server that is away is said once, and once when it is back', async (t) => {
  const { client, clock, reachable } = await follow(t);
  client.refuse = refusals.unreachable;
  client.breakWatches();
  await settled();
  await clock.advance(5000);
  assert.deepEqual(reachable, [false]);
  client.refuse = () => undefined;
  await clock.advance(1000);
  assert.deepEqual(reachable, [false, true]);
});

test('a refusal to read fails whoever waits, now and later', async (t) => {
  const { client, clock, stop, follower } = await follow(t);
  const waiting = assert.rejects(follower.until(ready, stop.signal), { code: 'PermissionDenied' });
  client.refuse = refusals.denied;
  client.breakWatches();
  await settled();
  await clock.advance(1000);
  await waiting;
  await assert.rejects(follower.until(ready, stop.signal), { code: 'PermissionDenied' });
});

test('waiting ends with the reason of the signal', async (t) => {
  const { follower } = await follow(t);
  const stop = new AbortController();
  const waiting = assert.rejects(follower.until(ready, stop.signal), /enough/);
  stop.abort(new Error('enough'));
  await waiting;
});
