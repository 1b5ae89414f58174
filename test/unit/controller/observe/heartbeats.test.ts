import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SplitSession } from '../../../../api/kinds/split-session.ts';
import { Heartbeats } from '../../../../controller/observe/heartbeats.ts';
import { TARGET } from '../bench.ts';

const TIMEOUT_MS = 45_000;

function session(name: string, more: { heartbeat?: boolean; deleted?: boolean } = {}): SplitSession {
  const { heartbeat = true, deleted = false } = more;
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'SplitSession',
    metadata: { name, uid: `${name}-uid`, ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
    spec: { target: TARGET, queues: [], ...(heartbeat ? { heartbeat: { timeoutSeconds: 45 } } : {}) },
  };
}

/** Looks every five seconds, as the controller does, and says what is left each time. */
function setUp() {
  const clock = { ms: 0 };
  const heartbeats = new Heartbeats(() => clock.ms);
  const watch = (ms: number, one: SplitSession, versionAt: (ms: number) => string | undefined): number => {
    let left = heartbeats.remainingMs(one, versionAt(clock.ms));
    for (const end = clock.ms + ms; clock.ms < end; ) {
      clock.ms += 5000;
      left = heartbeats.remainingMs(one, versionAt(clock.ms));
    }
    return left;
  };
  return { clock, heartbeats, watch };
}

describe('a session with heartbeat', () => {
  it('lives as long as its Lease changes, whatever the Lease says', () => {
    const { watch } = setUp();
    assert.equal(
      watch(600_000, session('alice'), (ms) => `version at ${Math.floor(ms / 10_000)}`),
      TIMEOUT_MS,
    );
  });

  it('expires when its Lease has not changed for the timeout, and not before', () => {
    const { watch } = setUp();
    const alice = session('alice');
    assert.equal(
      watch(40_000, alice, () => '7'),
      5_000,
    );
    assert.equal(
      watch(5_000, alice, () => '7'),
      0,
    );
  });

  it('expires, too, when its Lease never came', () => {
    const { watch } = setUp();
    assert.equal(
      watch(TIMEOUT_MS, session('alice'), () => undefined),
      0,
    );
  });

  it('gets its full time when the Lease comes back after it was deleted', () => {
    const { watch } = setUp();
    const alice = session('alice');
    watch(30_000, alice, () => undefined);
    assert.equal(
      watch(5_000, alice, () => '8'),
      TIMEOUT_MS - 5_000,
    );
  });

  it('gets its full time from a controller that did not look for a while: it slept, or the API server was away', () => {
    const { clock, heartbeats } = setUp();
    const alice = session('alice');
    heartbeats.remainingMs(alice, '7');
    clock.ms += 3_600_000;
    assert.equal(heartbeats.remainingMs(alice, '7'), TIMEOUT_MS);
  });

  it('is not mistaken for another one of its name', () => {
    const { watch, heartbeats } = setUp();
    const alice = session('alice');
    watch(TIMEOUT_MS, alice, () => '7');
    const successor = { ...alice, metadata: { ...alice.metadata, uid: 'another' } };
    assert.equal(heartbeats.remainingMs(successor, '7'), TIMEOUT_MS);
  });

  it('is new again after it was forgotten', () => {
    const { watch, heartbeats } = setUp();
    const alice = session('alice');
    watch(40_000, alice, () => '7');
    heartbeats.forget('alice-uid');
    assert.equal(heartbeats.remainingMs(alice, '7'), TIMEOUT_MS);
  });
});

it('a session without heartbeat never expires', () => {
  const { watch } = setUp();
  const alice = session('alice', { heartbeat: false });
  assert.equal(
    watch(600_000, alice, () => undefined),
    Number.POSITIVE_INFINITY,
  );
});

describe('the next look', () => {
  it('is not needed without heartbeats, nor for sessions that are being deleted', () => {
    const { heartbeats } = setUp();
    assert.equal(
      heartbeats.nextLookMs([session('alice', { heartbeat: false }), session('bob', { deleted: true })]),
      undefined,
    );
  });

  it('comes often enough that nobody loses time, and exactly when the first one would expire', () => {
    const { heartbeats, watch } = setUp();
    const [alice, bob] = [session('alice'), session('bob')];
    assert.equal(heartbeats.nextLookMs([alice, bob]), 5_000);
    watch(40_000, alice, () => '7');
    heartbeats.remainingMs(bob, '1');
    assert.equal(heartbeats.nextLookMs([alice, bob]), 5_000);
    watch(5_000, alice, () => '7');
    assert.equal(heartbeats.nextLookMs([alice, bob]), 1, 'at once, never in the past');
  });
});
