import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SplitSession, SplitSessionStatus } from '../../../../api/kinds/split-session.ts';
import { clockTime, lossOf, routeIsGone } from '../../../../cli/session/state.ts';

const NOW = new Date('2026-03-01T12:00:00Z');

function session(status?: SplitSessionStatus, deletionTimestamp?: string): SplitSession {
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'SplitSession',
    metadata: { name: 'a', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    spec: { target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'w' }, queues: [] },
    ...(status === undefined ? {} : { status }),
  };
}

test('a session that lives is not lost', () => {
  for (const phase of ['Pending', 'Preparing', 'Restarting', 'CuttingOver', 'Ready'] as const) {
    assert.equal(lossOf(session({ phase }), 'a', NOW), undefined);
  }
  assert.equal(lossOf(session(), 'a', NOW), undefined);
});

test('of a session that is gone after a long silence, the silence is the cause', () => {
  const loss = lossOf(undefined, 'a', NOW, 61_000);
  assert.equal(loss?.code, 'HeartbeatExpired');
  assert.match(loss?.message ?? '', /no heartbeat had reached the API server for 1m1s, so the controller ended it/);
});

test('each loss has its time and its cause', () => {
  const at = '2026-03-01T11:30:00Z';
  const cases: [SplitSession | undefined, string, string][] = [
    [undefined, 'SessionLost', `was lost at ${clockTime(NOW)}: it was deleted`],
    [session({ phase: 'Ready' }, at), 'SessionLost', `was lost at ${clockTime(new Date(at))}: somebody deleted it`],
    [session({ phase: 'Ending' }, at), 'SessionLost', `was lost at ${clockTime(new Date(at))}: somebody deleted it`],
    [
      session({ phase: 'Ended', endedAt: at, message: 'No heartbeat for 45 s.' }),
      'SessionLost',
      `was lost at ${clockTime(new Date(at))}: No heartbeat for 45 s.`,
    ],
    [
      session({ phase: 'Failed', reason: 'OriginalClaimed', message: 'Taken by shop/other.' }),
      'OriginalClaimed',
      `failed at ${clockTime(NOW)}: Taken by shop/other.`,
    ],
    [session({ phase: 'Failed', reason: 'NewerThanUs' }), 'SessionLost', 'the controller gave no reason'],
  ];
  for (const [view, code, text] of cases) {
    const loss = lossOf(view, 'a', NOW);
    assert.equal(loss?.code, code);
    assert.ok(loss?.message.includes(text), `${loss?.message} should say ${text}`);
  }
});

test('the route is gone with the session, with its end, or when the controller says so', () => {
  const condition = { type: 'RouteRemoved', reason: 'x', message: '', lastTransitionTime: '' };
  assert.equal(routeIsGone(undefined), true);
  assert.equal(routeIsGone(session({ phase: 'Ended' })), true);
  assert.equal(routeIsGone(session({ phase: 'Ending', conditions: [{ ...condition, status: 'True' }] })), true);
  assert.equal(routeIsGone(session({ phase: 'Ending', conditions: [{ ...condition, status: 'False' }] })), false);
  assert.equal(routeIsGone(session({ phase: 'Ending' })), false);
});
