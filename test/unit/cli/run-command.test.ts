import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../../common/kube/resources.ts';
import { ExecBench } from './support/exec-bench.ts';
import { refusals } from './support/fake-cluster.ts';
import { splitWith } from './support/objects.ts';

const STAY = `put('started'); setInterval(() => {}, 1000);`;

test('a signal reaches the command once, and the command’s answer is the exit code', async (t) => {
  const bench = new ExecBench(t);
  const count = `process.on('SIGTERM', () => { put('signals', 'T'); setInterval(() => process.exit(7), 200); });`;
  const result = bench.exec(['--yes'], `${count} ${STAY}`);
  await bench.mark('started');
  bench.signal('SIGTERM');
  assert.equal(await result, 7);
  assert.equal(bench.read('signals'), 'T');
  assert.deepEqual(bench.sessions, []);
});

test('a second Ctrl-C kills a command that does not want to end', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.exec(['--yes'], `process.on('SIGINT', () => put('interrupted')); ${STAY}`);
  await bench.mark('started');
  bench.signal('SIGINT');
  await bench.mark('interrupted');
  assert.deepEqual(bench.sessions, [bench.session], 'the session stays as long as the command reads from it');
  bench.signal('SIGINT');
  assert.equal(await result, 137);
  assert.deepEqual(bench.sessions, []);
});

test('a session that is deleted under the command is reported, and the command is asked to end', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.exec(
    ['--yes', '-o', 'json'],
    `process.on('SIGTERM', () => { put('asked'); process.exit(0); }); ${STAY}`,
  );
  await bench.mark('started');
  bench.cluster.remove(SPLIT_SESSIONS.plural, bench.session);
  assert.equal(await result, 125);
  await bench.mark('asked');
  const lost = bench.events.find(({ event }) => event === 'lost');
  assert.match(String(lost?.['message']), /was lost at \d\d:\d\d:\d\d: it was deleted/);
  assert.equal(lost?.['code'], 'SessionLost');
  assert.equal(lost?.['at'], '2026-03-01T12:00:00.000Z');
});

test('a command that ignores the end of its session is killed after ten seconds', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.exec(['--yes'], `process.on('SIGTERM', () => put('asked')); ${STAY}`);
  await bench.mark('started');
  bench.status({ phase: 'Ended', message: 'No heartbeat for 45 s.', endedAt: '2026-03-01T11:59:00Z' });
  await bench.mark('asked');
  await bench.clock.advance(10_000);
  assert.equal(await result, 125);
  assert.match(bench.stderr, /No heartbeat for 45 s\./);
  assert.deepEqual(bench.sessions, []);
});

test('a session that is gone after a long silence was ended for want of a heartbeat', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.exec(['--yes'], `process.on('SIGTERM', () => process.exit(0)); ${STAY}`);
  await bench.mark('started');
  bench.cluster.refuse = refusals.unreachable;
  bench.cluster.breakWatches();
  await bench.clock.advance(60_000);
  bench.cluster.remove(SPLIT_SESSIONS.plural, bench.session);
  bench.cluster.refuse = () => undefined;
  await bench.clock.advance(1_000);
  assert.equal(await result, 125);
  assert.match(
    bench.stderr,
    /no heartbeat had reached the API server for 1m\ds, so the controller ended it\n.*→ start again/,
  );
});

test('a refused heartbeat loses the session', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.exec(['--yes'], STAY);
  await bench.mark('started');
  bench.cluster.refuse = (verb) => (verb === 'patch' ? refusals.denied() : undefined);
  await bench.clock.advance(10_000);
  assert.equal(await result, 125);
  assert.match(bench.stderr, /cannot be kept alive since/);
  assert.deepEqual(bench.sessions, []);
});

test('after 30 s without a match it says what was read and seen', async (t) => {
  const bench = new ExecBench(t);
  const result = bench.exec(['--yes'], `process.on('SIGTERM', () => process.exit(0)); ${STAY}`);
  await bench.mark('started');
  const split = splitWith([{ session: bench.session, filter: { tenant: '^alice$' } }]);
  const names = [{ name: 'tenant', messages: 80, distinct: 7 }];
  const seen = [{ sessionUid: `uid-${bench.session}`, read: 120, matched: 0, names }];
  const queues = [{ key: 'orders', state: 'Forwarding' as const, seen }];
  split.status = { forwarder: { holder: 'pod', acknowledgedRevision: 1, queues } };
  bench.cluster.seed(WORKLOAD_SPLITS, split);
  await bench.clock.advance(30_000);
  await bench.until('the report', () => bench.stderr.includes('120 messages read'));
  assert.match(
    bench.stderr,
    /orders: 120 messages read, none matched; 80 have the name tenant \(7 different values; wanted: \^alice\$\)/,
  );
  bench.signal('SIGTERM');
  assert.equal(await result, 0);
});
