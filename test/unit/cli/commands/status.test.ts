import assert from 'node:assert/strict';
import { test } from 'node:test';
import { render } from '../../../../cli/commands/status.ts';
import { SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { ExecBench } from '../support/exec-bench.ts';
import { refusals } from '../support/fake-cluster.ts';
import { sessionFor, splitWith } from '../support/objects.ts';

const NOW = new Date('2026-03-01T12:00:00Z');

function state() {
  const session = sessionFor('alice-1');
  session.status = { phase: 'Ready', message: 'messages arrive' };
  const split = splitWith([
    { session: 'alice-1', filter: { tenant: '^alice$' } },
    { session: 'bob-1', filter: {}, ending: true },
  ]);
  split.status = {
    forwarder: { holder: 'forwarder-0', acknowledgedRevision: 1, queues: [{ key: 'orders', state: 'Forwarding' }] },
    remaining: [{ key: 'orders', messages: 12 }],
  };
  return { sessions: [session], splits: [split] };
}

test('sessions and splits as tables', () => {
  assert.deepEqual(render(state(), 'shop', 'text', NOW).split('\n'), [
    'SESSIONS',
    'NAMESPACE  NAME     TARGET                    PHASE  AGE    QUEUES  MESSAGE',
    'shop       alice-1  deployment/orders-worker  Ready  3m20s  orders  messages arrive',
    'SPLITS',
    'NAMESPACE  TARGET                    PHASE      AGE   QUEUE         STATE       LEFT  SESSIONS                 FORWARDER',
    'shop       deployment/orders-worker  Splitting  3h0m  orders (SQS)  Forwarding  12    alice-1, bob-1 (ending)  forwarder-0',
  ]);
});

test('wide adds filters, keys and the names of the queues', () => {
  const text = render(state(), 'shop', 'wide', NOW);
  for (const part of ['orders (tenant ~ ^alice$)', 'KEY', 'mirrord-1-fallback-orders', 'mirrord-1-orders-alice-1']) {
    assert.ok(text.includes(part), part);
  }
});

test('a split without queues yet, and a session without status yet', () => {
  const { sessions, splits } = state();
  for (const session of sessions) delete session.status;
  for (const split of splits) split.spec.queues = [];
  const text = render({ sessions, splits }, undefined, 'text', NOW);
  assert.match(text, /alice-1 .* Pending/);
  assert.match(text, /Splitting +3h0m +- +-/);
});

test('nothing there, and nothing installed, are sentences', () => {
  assert.match(
    render({ sessions: [], splits: [] }, 'shop', 'text', NOW),
    /No queue is split in namespace shop.*status -A/,
  );
  assert.equal(
    render({ sessions: [], splits: [] }, undefined, 'text', NOW),
    'No queue is split in this cluster, and there is no session.',
  );
  assert.match(render(undefined, 'shop', 'text', NOW), /not installed in this cluster/);
});

test('JSON holds the objects as they are', () => {
  assert.deepEqual(JSON.parse(render(state(), 'shop', 'json', NOW)), { installed: true, ...state() });
  assert.deepEqual(JSON.parse(render(undefined, 'shop', 'json', NOW)), { installed: false, sessions: [], splits: [] });
});

test('the command reads one namespace, or all of them', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.seed(SPLIT_SESSIONS, sessionFor('alice-1'));
  bench.cluster.seed(WORKLOAD_SPLITS, splitWith([]));
  assert.equal(await bench.run(['status', '-n', 'elsewhere']), 0);
  assert.match(bench.stdout, /No queue is split in namespace elsewhere/);
  assert.equal(await bench.run(['status', '-A']), 0);
  assert.match(bench.stdout, /alice-1/);
  assert.equal(bench.stderr, '');
});

test('--watch writes what has changed, and only that, until Ctrl-C', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.run(['status', '--watch', '-o', 'wide']);
  const looked = (times: number) =>
    bench.until(
      `look ${times}`,
      () => bench.cluster.calls.filter((call) => call.startsWith('list splitsessions')).length >= times,
    );
  await bench.until('the first look', () => bench.stdout.includes('there is no session'));
  bench.cluster.seed(SPLIT_SESSIONS, sessionFor('alice-1'));
  await bench.clock.advance(2_000);
  await bench.until('the session', () => bench.stdout.includes('alice-1'));
  const written = bench.stdout;
  await bench.clock.advance(2_000);
  await looked(3);
  bench.cluster.refuse = refusals.unreachable;
  await bench.clock.advance(2_000);
  await bench.clock.advance(2_000);
  await looked(5);
  assert.equal(bench.stdout, written);
  assert.equal(bench.stderr.match(/qsplit !/g)?.length, 1, bench.stderr);
  bench.signal('SIGINT');
  assert.equal(await result, 0);
});

test('--watch as JSON is a line for each change', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.run(['status', '--watch', '-o', 'json']);
  await bench.until('the first look', () => bench.stdout.endsWith('\n'));
  bench.cluster.seed(SPLIT_SESSIONS, sessionFor('alice-1'));
  await bench.clock.advance(2_000);
  await bench.until('the session', () => bench.stdout.includes('alice-1'));
  bench.signal('SIGINT');
  assert.equal(await result, 0);
  const lines = bench.stdout.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { sessions: unknown[] }).sessions.length),
    [0, 1],
  );
});

test('--watch draws a terminal anew', async (t) => {
  const bench = new ExecBench(t);
  bench.terminal = true;
  const result = bench.run(['status', '-w']);
  await bench.until('the first look', () => bench.stdout.includes('there is no session'));
  await bench.clock.advance(2_000);
  await bench.until('the second look', () => bench.stdout.split('\u001b[H\u001b[J').length === 3);
  bench.signal('SIGTERM');
  assert.equal(await result, 0);
});

test('--watch ends with a refusal', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.refuse = refusals.denied;
  assert.equal(await bench.run(['status', '-A', '--watch']), 125);
  assert.match(bench.stderr, /→ leave out -A/);
});

test('a cluster without our resources is no error, one that refuses is', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.refuse = refusals.unknownResource;
  assert.equal(await bench.run(['status']), 0);
  assert.match(bench.stdout, /not installed/);
  bench.cluster.refuse = refusals.denied;
  assert.equal(await bench.run(['status', '-o', 'json']), 125);
  assert.equal(bench.events[0]?.['code'], 'PermissionDenied');
});
