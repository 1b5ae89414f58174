// qsplit as a real process against a real cluster, run by developers who have the chart's ClusterRole and nothing more: what it says, what it
// runs, how it ends, and that nothing stays behind however it ends.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readReceived, type SessionLine } from '../checker/history.ts';
import type { Snapshot } from '../checker/snapshot.ts';
import { ORDERS_QUEUE_ID, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { childrenOf, identify, isAlive } from '../testbed/process-table.ts';
import { waitFor } from '../testbed/wait.ts';
import { administrator, type Developer, hireDeveloper, type QsplitRun, USER_ROLE, WORKER } from './stage/laptop.ts';
import { closeStage } from './stage/logs.ts';
import { createSession, type PlayedSession } from './stage/session.ts';
import { untilSettled } from './stage/settled.ts';
import { openStage, type Stage } from './stage/stage.ts';
import { assertClean, assertRestored, historyOf, snapshotWorld } from './stage/verdict.ts';

/** What qsplit promises for the time between the end of its command and its own. */
const RETURN_MS = 2_000;
const ATTEMPTS = 4;
const EXEC = ['exec', '-f', 'mirrord.json', '--yes'];
const NODE_WORKER = ['--', process.execPath, WORKER];
const shell = (script: string) => ['--', 'sh', '-c', script];

let stage: Stage;
let alice: Developer;
let bob: Developer;
let world: Snapshot;
/** Keeps the split alive between the tests, so that each need not restart the target. */
let keeper: PlayedSession | undefined;
const lines: SessionLine[] = [];

before(async () => {
  stage = await openStage();
  alice = await hireDeveloper(stage, 'alice', USER_ROLE);
  bob = await hireDeveloper(stage, 'bob', USER_ROLE);
  alice.write('mirrord.json', ALICES_FILE);
  bob.write('mirrord.json', fileFor('bob', 'deployment/orders-worker', '^(alice|bob)$'));
  alice.write('nobody.json', fileFor('nobody', 'deployment/orders-worker/container/worker', '^nobody$'));
  await untilSettled(stage);
  world = await snapshotWorld(stage);
});
after(async () => {
  await closeStage(stage);
});

/** As people write it: comments, trailing commas, the target as an object, and features that are not ours. */
const ALICES_FILE = `{
  // my worker
  "key": "alice",
  "target": {"path": {"deployment": "orders-worker", "container": "worker",}, "namespace": "${SHOP_NAMESPACE}",},
  "agent": {"log_level": "info"}, /* mirrord's own */
  "feature": {
    "network": true,
    "split_queues": {
      "${ORDERS_QUEUE_ID}": {"queue_type": "SQS", "message_filter": {"tenant": "^alice$"},},
    },
  },
}`;

function fileFor(key: string, target: string, tenant: string, id = ORDERS_QUEUE_ID): string {
  const entry = { queue_type: 'SQS', message_filter: { tenant } };
  return JSON.stringify({ key: key, target, feature: { split_queues: { [id]: entry } } });
}

async function untilReceived(reader: string, count: number): Promise<void> {
  const received = () => readReceived(stage.collector.file).filter((line) => line.reader === reader).length;
  await waitFor(`${reader} to receive ${count} orders`, () => received() >= count, { deadlineMs: 60_000 });
}

async function sessionNames(): Promise<string[]> {
  const text = await stage.cluster.kubectl(['get', 'splitsessions', '-A', '-o', 'jsonpath={.items[*].metadata.name}']);
  return text.split(' ').filter((name) => name !== '');
}

/** qsplit returns before its session is gone: what was left in its queues is moved meanwhile. */
async function untilOnlyKeeper(): Promise<void> {
  await waitFor('the other sessions to be gone', async () => (await sessionNames()).join() === 'keeper', {
    deadlineMs: 60_000,
  });
}

/** Milliseconds between the end of the command and the end of qsplit, by its own clock and ours. */
function returnedAfter(run: QsplitRun, endedAt: number): number {
  const exit = run.entries().find(({ event }) => event === 'exit');
  return endedAt - Date.parse(exit?.time ?? '');
}

test('a developer with the role queue-splitter-user runs a worker on their own orders; Ctrl-C puts it all away', async (t) => {
  const run = await alice.qsplit([...EXEC, ...NODE_WORKER]);
  await run.ready();
  await untilReceived('alice', 5);
  run.signal('SIGINT');
  assert.equal(await run.exit(), 0);
  const output = run.output();
  for (const expected of [
    /Not used of the configuration file: agent, feature.network/,
    /✓ AWS credentials are there and SQS answers/,
    /restarting 3 pods of orders-worker in namespace shop of testbed \(it is not split yet\)/,
    /… restarting orders-worker: \d pods? patched/,
    /✓ Ready after/,
    /orders-queue \(SQS orders\): tenant ~ \^alice\$ → mirrord-\d+-orders/,
    /ORDERS_QUEUE=mirrord-\d+-orders/,
    /alice is ready/,
    /alice got SIGINT and finishes its work/,
    /The command ended with code 0/,
    /✓ Session alice-\w+ gets no messages any more/,
  ]) {
    assert.match(output, expected);
  }
  lines.push(await run.line({ tenant: '^alice$' }));
  t.diagnostic(output.match(/Ready after.*/)?.[0] ?? '');
});

test('qsplit returns when the route is gone, at most two seconds after its command', async (t) => {
  keeper = await createSession(stage, { name: 'keeper', filter: {} });
  await keeper.ready();
  const took: number[] = [];
  // The machine is shared: one slow run says nothing, several do.
  while (took.length < ATTEMPTS && !took.some((ms) => ms <= RETURN_MS)) {
    const run = await alice.qsplit([...EXEC, '-f', 'nobody.json', '-o', 'json', ...NODE_WORKER]);
    await run.ready();
    await run.says(/alice is ready/);
    run.signal('SIGINT');
    assert.equal(await run.exit(), 0);
    took.push(returnedAfter(run, Date.now()));
    assert.match(run.entries().at(-1)?.message ?? '', /gets no messages any more.*the split goes on for keeper/);
  }
  assert.ok(Math.min(...took) <= RETURN_MS, `returned ${took.join(', ')} ms after the end of its command`);
  t.diagnostic(`returned ${took.join(', ')} ms after the end of its command`);
});

test('the exit code is the command’s, 128+n for a signal, 126 and 127 for what cannot be started', async () => {
  const nobody = [...EXEC, '-f', 'nobody.json'];
  for (const [args, code] of [
    [shell('exit 0'), 0],
    [shell('exit 7'), 7],
    [shell('kill -TERM $$'), 143],
  ] as const) {
    const run = await alice.qsplit([...nobody, ...args]);
    assert.equal(await run.exit(), code, run.output());
  }
  alice.write('notes.txt', 'not a program');
  for (const [command, code] of [
    ['./notes.txt', 126],
    ['no-such-program', 127],
  ] as const) {
    const run = await alice.qsplit([...nobody, '--', command]);
    assert.equal(await run.exit(), code, run.output());
    assert.doesNotMatch(run.output(), /Session \S+ of/, 'no session for a typing error');
  }
});

test('a second Ctrl-C kills a command that will not end', async () => {
  const run = await alice.qsplit([
    ...EXEC,
    '-f',
    'nobody.json',
    '-o',
    'json',
    ...shell('trap "" INT; echo deaf; sleep 1000'),
  ]);
  await run.ready();
  await run.says(/^deaf$/m);
  run.signal('SIGINT');
  await run.says(/a second SIGINT kills it/);
  run.signal('SIGINT');
  assert.equal(await run.exit(), 137);
  assert.match(run.entries().at(-1)?.message ?? '', /gets no messages any more/);
});

test('a session that somebody deletes: the command gets SIGTERM, qsplit says when and why, and ends with 125', async () => {
  const run = await alice.qsplit([...EXEC, '-f', 'nobody.json', ...NODE_WORKER]);
  const name = await run.ready();
  await run.says(/alice is ready/);
  await stage.cluster.kubectl(['delete', 'splitsession', name, '-n', SHOP_NAMESPACE, '--wait=false']);
  assert.equal(await run.exit(), 125);
  assert.match(run.output(), new RegExp(`✗ The session ${name} was lost at \\d\\d:\\d\\d:\\d\\d: somebody deleted it`));
  assert.match(run.output(), /alice got SIGTERM/);
});

test('of two sessions with overlapping filters the first is named to the second; status shows both; end ends one', async () => {
  await untilOnlyKeeper();
  const first = await alice.qsplit([...EXEC, ...NODE_WORKER]);
  const firstName = await first.ready();
  const second = await bob.qsplit([...EXEC, ...NODE_WORKER]);
  const secondName = await second.ready();
  await second.says(
    new RegExp(`orders-queue: ${firstName} \\(tenant ~ \\^alice\\$\\) started earlier and gets the messages`),
  );
  assert.doesNotMatch(first.output(), /started earlier/);

  const text = await statusOf(bob, []);
  for (const name of [firstName, secondName, 'keeper'])
    assert.match(text, new RegExp(`shop +${name} +deployment/orders-worker +Ready`));
  assert.match(text, /Splitting .*orders-queue \(SQS\) +Forwarding/);
  assert.match(await statusOf(bob, ['-o', 'wide']), /tenant ~ \^\(alice\|bob\)\$.*\n/);
  const json = JSON.parse(await statusOf(bob, ['-o', 'json'])) as { sessions: unknown[]; splits: unknown[] };
  assert.deepEqual([json.sessions.length, json.splits.length], [3, 1]);
  assert.match(await statusOf(bob, ['-A']), /Cannot list splitsessions/, 'the role was bound in one namespace');
  assert.match(await statusOf(administrator(stage), ['-A']), new RegExp(firstName));

  await untilReceived('bob', 5);
  second.signal('SIGTERM');
  assert.equal(await second.exit(), 0);
  lines.push(await second.line({ tenant: '^(alice|bob)$' }));
  first.signal('SIGHUP');
  assert.equal(await first.exit(), 129, 'the worker does not handle SIGHUP');
  lines.push(await first.line({ tenant: '^alice$' }));

  await createSession(stage, { name: 'by-hand', filter: {} }).then((session) => session.ready());
  const end = await bob.qsplit(['end', 'by-hand']);
  assert.equal(await end.exit(), 0);
  assert.match(end.output(), /✓ Session by-hand gets no messages any more/);
});

async function statusOf(developer: Developer, args: readonly string[]): Promise<string> {
  const run = await developer.qsplit(['status', ...args]);
  await run.exit();
  return run.output();
}

test('whoever waits in vain is told after 30 seconds what was read and seen', async () => {
  const run = await alice.qsplit([...EXEC, '-f', 'nobody.json', ...shell('echo waiting; exec sleep 1000')]);
  await run.ready();
  const [said] = await run.says(/orders-queue: \d+ messages read, none matched; .*/, 45_000);
  assert.match(said, /\d+ have the name tenant \(4 different values; wanted: \^nobody\$\)/);
  run.signal('SIGINT');
  await run.exit();
});

test('what cannot work is refused with a sentence that says what to do, and nothing is created', async () => {
  const stranger = await hireDeveloper(stage, 'stranger', undefined);
  stranger.write('mirrord.json', ALICES_FILE);
  alice.write('typo.json', fileFor('typo', 'deployment/orders-worker', 'x', 'ordres-queue'));
  alice.write('gone.json', fileFor('gone', 'deployment/no-such-worker', 'x'));
  const noCredentials = {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const refused = async (developer: Developer, args: string[], said: RegExp[], variables = {}) => {
    const run = await developer.qsplit([...args, ...shell('echo the command ran')], variables);
    assert.equal(await run.exit(), 125, run.output());
    for (const pattern of [...said, /→/]) assert.match(run.output(), pattern);
    assert.doesNotMatch(run.output(), /^the command ran/m);
    return run.output();
  };
  const unmade = [
    await refused(alice, EXEC, [/no AWS credentials/, /--via mirrord/], noCredentials),
    await refused(alice, EXEC, [/SQS cannot be reached/, /--via mirrord/], {
      AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:9',
    }),
    await refused(alice, [...EXEC, '-f', 'gone.json'], [/There is no Deployment no-such-worker in namespace shop/]),
    await refused(stranger, EXEC, [
      /Cannot create splitsessions.queuesplitter.dev/,
      /allow create on/,
      /ClusterRole queue-splitter-user/,
    ]),
  ];
  for (const output of unmade) assert.doesNotMatch(output, /Session \S+ of/);
  await refused(alice, [...EXEC, '-f', 'typo.json'], [/ordres-queue/, /orders-queue/]);
  await untilOnlyKeeper();
});

test('kill -9 of qsplit: its command ends, too, the session expires without its heartbeat, and all is as before', async () => {
  const run = await alice.qsplit([...EXEC, '--heartbeat-timeout', '6s', '-o', 'json', ...NODE_WORKER]);
  const name = await run.ready();
  await run.says(/alice is ready/);
  await keeper?.end();
  const [worker] = childrenOf(run.process.pid).map(identify);
  assert.ok(worker);
  const line = run.line({ tenant: '^alice$' });
  line.catch(() => undefined);
  run.signal('SIGKILL');
  await waitFor('the end of the worker', () => !isAlive(worker), { deadlineMs: 20_000 });
  assert.match(run.output(), /alice got SIGTERM and finishes its work/);
  lines.push(await line);
  assert.ok(name.startsWith('alice-'));
  await waitFor(
    'the target to be restored',
    async () => (await stage.cluster.kubectl(['get', 'workloadsplits', '-A', '-o', 'name'])) === '',
    {
      deadlineMs: 120_000,
    },
  );
  await stage.finish();
  const history = historyOf(stage, []);
  assertClean({ ...history, sessions: lines });
  await stage.cluster.kubectl(['delete', 'serviceaccount', 'stranger', '-n', SHOP_NAMESPACE, '--ignore-not-found']);
  assertRestored(world, await snapshotWorld(stage));
});
