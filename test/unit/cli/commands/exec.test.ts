import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { LEASES, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { ExecBench, READY } from '../support/exec-bench.ts';
import { refusals } from '../support/fake-cluster.ts';
import { splitWith } from '../support/objects.ts';

test('the command runs with the session’s environment, its exit code is ours, and nothing stays behind', async (t) => {
  const bench = new ExecBench(t);
  const code = await bench.exec(['--yes', '-o', 'json'], `put('queue', process.env.ORDERS_QUEUE); process.exit(3);`);
  assert.equal(code, 3);
  assert.equal(bench.read('queue'), 'http://sqs/mirrord-orders-alice');
  assert.deepEqual(bench.sessions, []);
  assert.deepEqual(bench.leases, []);
  assert.equal(bench.clock.timers.length, 0);
  assert.equal(bench.stdout, '');
});

test('every step is a JSON line', async (t) => {
  const bench = new ExecBench(t);
  const condition = { type: 'Prepared', reason: 'Prepared', lastTransitionTime: '2026-03-01T12:00:00Z' };
  bench.script = [
    { phase: 'Preparing', conditions: [{ ...condition, status: 'True', message: '2 queues made.' }] },
    { phase: 'Restarting', message: 'Waiting for the pods.', pods: { patched: 1, total: 3 } },
    READY,
  ];
  await bench.exec(['--yes', '-o', 'json'], '');
  const shown = bench.events.map(({ event, level, message }) => `${event} ${level}: ${message}`);
  assert.deepEqual(shown, [
    'preflight done: AWS credentials are there and SQS answers',
    'restart info: restarting 3 pods of orders-worker in namespace shop of test (it is not split yet)',
    'created done: Session alice-bbbbbb of deployment/orders-worker in namespace shop',
    'progress done: 2 queues made.',
    'progress doing: Preparing',
    'progress doing: Waiting for the pods.',
    'ready done: Ready after 0 ms',
    'exit info: The command ended with code 0',
    'ending doing: Ending session alice-bbbbbb',
    'ended done: Session alice-bbbbbb gets no messages any more (0 ms); what is left in its queues is moved to the deployed workload',
  ]);
  const ready = bench.events.find(({ event }) => event === 'ready');
  assert.deepEqual(ready, {
    time: '2026-03-01T12:00:00.000Z',
    event: 'ready',
    level: 'done',
    message: 'Ready after 0 ms',
    session: 'alice-bbbbbb',
    tookMs: 0,
    queues: READY.queues,
    environment: { ORDERS_QUEUE: 'http://sqs/mirrord-orders-alice' },
  });
});

test('the text form names queues, filters and variables', async (t) => {
  const bench = new ExecBench(t);
  await bench.exec(['--yes'], '');
  assert.match(bench.stderr, /^qsplit {5}orders \(SQS orders\): tenant ~ \^alice\$ → mirrord-orders-alice$/m);
  assert.match(bench.stderr, /^qsplit {5}ORDERS_QUEUE=http:\/\/sqs\/mirrord-orders-alice$/m);
});

test('without a terminal and without --yes nothing is started', async (t) => {
  const bench = new ExecBench(t);
  assert.equal(await bench.exec([], `put('ran')`), 125);
  assert.match(bench.stderr, /restarting 3 pods of orders-worker/);
  assert.match(bench.stderr, /→ say --yes/);
  assert.ok(!bench.cluster.calls.some((call) => call.startsWith('create')));
  assert.ok(!existsSync(`${bench.folder}/ran`));
});

test('a terminal is asked, and only yes is yes', async (t) => {
  for (const [answer, code] of [
    ['n\n', 125],
    ['\n', 125],
    [undefined, 125],
    ['y\n', 0],
    ['Yes\n', 0],
  ] as const) {
    const bench = new ExecBench(t);
    bench.terminal = true;
    const result = bench.exec([], '');
    await bench.until('the question', () => bench.stderr.includes('Go on? [y/N]'));
    bench.stdin.end(answer);
    assert.equal(await result, code, `answer ${JSON.stringify(answer)}`);
    assert.deepEqual(bench.sessions, []);
  }
});

test('Ctrl-C at the question', async (t) => {
  const bench = new ExecBench(t);
  bench.terminal = true;
  const result = bench.exec([], '');
  await bench.until('the question', () => bench.stderr.includes('Go on?'));
  bench.signal('SIGINT');
  assert.equal(await result, 130);
  assert.ok(!bench.cluster.calls.some((call) => call.startsWith('create')));
});

test('a split that is there already restarts nothing, so nobody is asked', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.seed(WORKLOAD_SPLITS, splitWith([], 60));
  assert.equal(await bench.exec([], ''), 0);
  assert.match(bench.stderr, /no restart of orders-worker in namespace shop of test is needed/);
  assert.match(bench.stderr, /in 1m0s, unless a new session comes, orders-worker is restored/);
});

test('a command that cannot be started is found out before anything is created', async (t) => {
  const bench = new ExecBench(t);
  const script = bench.write('not-executable.sh', '');
  assert.equal(await bench.run(['exec', '-f', 'mirrord.json', '--yes', '--', 'no-such-command']), 127);
  assert.equal(await bench.run(['exec', '-f', 'mirrord.json', '--yes', '--', script]), 126);
  assert.deepEqual(bench.cluster.calls, []);
});

test('a machine that does not reach the broker is told before anything is created', async (t) => {
  const bench = new ExecBench(t);
  bench.probes.sqs = async () => {
    throw new SplitterError('BrokerUnreachable', 'SQS cannot be reached from this machine: timeout');
  };
  assert.equal(await bench.exec(['--yes'], ''), 125);
  assert.match(bench.stderr, /SQS cannot be reached.*\n.*→ run it with --via mirrord/);
  assert.deepEqual(bench.cluster.calls, []);
  assert.equal(await bench.exec(['--yes', '--skip-preflight'], ''), 0);
});

test('a session queue that is not there from here ends the session before the command begins', async (t) => {
  const bench = new ExecBench(t);
  bench.probes.sqsQueue = async (queue) => {
    throw new SplitterError('QueueNotFound', `Seen from this machine there is no queue ${queue}`);
  };
  assert.equal(await bench.exec(['--yes'], `put('ran')`), 125);
  assert.match(bench.stderr, /there is no queue http:\/\/sqs\/mirrord-orders-alice/);
  assert.deepEqual(bench.sessions, []);
  assert.ok(!existsSync(`${bench.folder}/ran`));
});

test('containers that disagree end the session', async (t) => {
  const bench = new ExecBench(t);
  const [first] = READY.environment ?? [];
  assert.ok(first);
  bench.script = [{ ...READY, environment: [first, { ...first, container: 'other', value: 'elsewhere' }] }];
  assert.equal(await bench.exec(['--yes'], ''), 125);
  assert.match(bench.stderr, /ORDERS_QUEUE \(app: http.*; other: elsewhere\)/);
  assert.deepEqual(bench.sessions, []);
});

test('a session that fails says why, and is removed', async (t) => {
  const bench = new ExecBench(t);
  bench.script = [
    { phase: 'Failed', reason: 'OriginalClaimed', message: 'Queue orders is split by shop/other-worker.' },
  ];
  assert.equal(await bench.exec(['--yes', '-o', 'json'], ''), 125);
  const error = bench.events.at(-1);
  assert.equal(error?.['code'], 'OriginalClaimed');
  assert.match(String(error?.['message']), /Queue orders is split by shop\/other-worker\.$/);
  assert.match(String(error?.['hint']), /wait until the other split has ended/);
  assert.equal(error?.['exitCode'], 125);
  assert.deepEqual(bench.sessions, []);
});

test('a session that does not become Ready in time is removed', async (t) => {
  const bench = new ExecBench(t);
  bench.script = [{ phase: 'Restarting', message: 'Waiting for pod w-2.' }];
  const result = bench.exec(['--yes', '--timeout', '2m'], '');
  await bench.until('the wait', () => bench.stderr.includes('Waiting for pod w-2.'));
  await bench.clock.advance(120_000);
  assert.equal(await result, 125);
  assert.match(bench.stderr, /not Ready within 2m0s; it was at: Waiting for pod w-2\./);
  assert.deepEqual(bench.sessions, []);
});

test('a signal before Ready removes the session', async (t) => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const bench = new ExecBench(t);
    bench.script = [];
    const result = bench.exec(['--yes'], `put('ran')`);
    await bench.until('the session', () => bench.leases.length === 1);
    bench.signal(signal);
    assert.equal(await result, code);
    assert.deepEqual(bench.sessions, []);
    assert.ok(!existsSync(`${bench.folder}/ran`));
  }
});

test('without a heartbeat Lease there is no session', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.refuse = (verb, plural) =>
    verb === 'create' && plural === LEASES.plural ? refusals.denied() : undefined;
  assert.equal(await bench.exec(['--yes'], ''), 125);
  assert.deepEqual(bench.sessions, []);
});

test('qsplit returns when the route is gone, while the rest goes on', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.holdsDeletion = true;
  const result = bench.exec(['--yes'], '');
  await bench.until('the deletion', () => bench.cluster.calls.some((call) => call.startsWith('delete')));
  const condition = {
    type: 'RouteRemoved',
    reason: 'x',
    message: 'Route removed.',
    lastTransitionTime: '2026-03-01T12:00:00Z',
  };
  bench.status({ phase: 'Ending', conditions: [{ ...condition, status: 'True' }] });
  assert.equal(await result, 0);
  assert.match(bench.stderr, /gets no messages any more/);
});

test('it waits for that no longer than --end-timeout, and a signal ends the wait', async (t) => {
  for (const hurry of ['clock', 'signal']) {
    const bench = new ExecBench(t);
    bench.cluster.holdsDeletion = true;
    const result = bench.exec(['--yes', '--end-timeout', '5s'], 'process.exit(4)');
    await bench.until('the deletion', () => bench.cluster.calls.some((call) => call.startsWith('delete')));
    if (hurry === 'clock') await bench.clock.advance(5000);
    else bench.signal('SIGINT');
    assert.equal(await result, 4);
    assert.match(bench.stderr, /is ending; left after/);
  }
});

test('a second signal does not wait for an API server that hangs', async (t) => {
  const never = () => new Promise<never>(() => undefined);
  const creating = new ExecBench(t);
  creating.cluster.create = never;
  const made = creating.exec(['--yes'], '');
  await creating.until('the outlook', () => creating.stderr.includes('restarting 3 pods'));
  creating.signal('SIGINT');
  creating.signal('SIGINT');
  assert.equal(await made, 130);
  assert.match(creating.stderr, /before the API server had said whether there is a session alice-bbbbbb\n.*in 45 s/);

  const deleting = new ExecBench(t);
  deleting.cluster.delete = never;
  const ended = deleting.exec(['--yes'], 'process.exit(4)');
  await deleting.until('the end', () => deleting.stderr.includes('Ending session'));
  deleting.signal('SIGINT');
  assert.equal(await ended, 4);
  assert.match(deleting.stderr, /is ending; left after/);
});

test('a signal while the split is read for the last time does not keep a later one from being heard', async (t) => {
  const never = () => new Promise<never>(() => undefined);
  const bench = new ExecBench(t);
  const get = bench.cluster.get.bind(bench.cluster);
  const isEnding = () => bench.stderr.includes('Ending session');
  bench.cluster.get = (resource, object) => (isEnding() ? never() : get(resource, object));
  let isAsked = false;
  bench.cluster.delete = () => {
    isAsked = true;
    return never();
  };
  const ended = bench.exec(['--yes'], 'process.exit(4)');
  await bench.until('the end', isEnding);
  bench.signal('SIGINT');
  await bench.until('the deletion', () => isAsked);
  bench.signal('SIGINT');
  assert.equal(await ended, 4);
  assert.match(bench.stderr, /is ending; left after/);
});

test('a session that may not be deleted ends by its heartbeat, which is said', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.refuse = (verb) => (verb === 'delete' ? refusals.denied() : undefined);
  assert.equal(await bench.exec(['--yes'], ''), 0);
  assert.match(bench.stderr, /could not be deleted .* ends by itself in 45 s/);
});

test('the deletion is tried until the API server answers', async (t) => {
  const bench = new ExecBench(t);
  let refusalsLeft = 2;
  bench.cluster.refuse = (verb) => (verb === 'delete' && refusalsLeft-- > 0 ? refusals.unreachable() : undefined);
  const result = bench.exec(['--yes'], '');
  await bench.until('the first attempt', () => bench.cluster.calls.some((call) => call.startsWith('delete')));
  await bench.clock.advance(2000);
  assert.equal(await result, 0);
  assert.deepEqual(bench.sessions, []);
});

test('--via mirrord hands the environment over in the configuration', async (t) => {
  const bench = new ExecBench(t);
  bench.write(
    'mirrord',
    '#!/bin/sh\nprintf "%s\\n" "$@" > "$FOLDER/args"\ncat "$3" > "$FOLDER/config"\nexit 9\n',
    0o755,
  );
  bench.environment['PATH'] = `${bench.folder}:${bench.environment['PATH']}`;
  bench.probes.sqs = async () => {
    throw new Error('not asked');
  };
  assert.equal(
    await bench.run(['exec', '-f', 'mirrord.json', '--yes', '--via', 'mirrord', '--', 'worker', '--fast']),
    9,
  );
  const [, , file = '', ...rest] = bench.read('args').trim().split('\n');
  assert.deepEqual(rest, ['--', 'worker', '--fast']);
  assert.ok(!existsSync(file), 'the generated file is removed');
  assert.deepEqual(JSON.parse(bench.read('config')), {
    target: { path: 'deployment/orders-worker', namespace: 'shop' },
    feature: { env: { override: { ORDERS_QUEUE: 'http://sqs/mirrord-orders-alice' } } },
  });
  assert.deepEqual(bench.sessions, []);
});

test('--via mirrord without mirrord', async (t) => {
  const bench = new ExecBench(t);
  bench.environment['PATH'] = bench.folder;
  assert.equal(await bench.run(['exec', '-f', 'mirrord.json', '--yes', '--via', 'mirrord', '--', 'worker']), 125);
  assert.match(bench.stderr, /needs the program mirrord.*\n.*→ install it/);
  assert.deepEqual(bench.cluster.calls, []);
});
