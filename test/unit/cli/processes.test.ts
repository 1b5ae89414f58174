// qsplit and a command as real processes, under a real terminal and without one: who gets which signal, and how often.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { identify, isAlive, parentOf, processesMentioning } from '../../testbed/process-table.ts';
import { waitFor, withDeadline } from '../../testbed/wait.ts';

const QSPLIT = fileURLToPath(new URL('support/qsplit-in-memory.ts', import.meta.url));
const DEADLINE_MS = 20_000;
const CONFIG = {
  target: 'deployment/orders-worker',
  feature: { split_queues: { orders: { queue_type: 'SQS', message_filter: { tenant: '^alice$' } } } },
};

/** `put` adds to a file; `announce` makes it, with all that is in it, at one moment. */
const FILES = `
  const fs = require('fs'); const path = (name) => process.env.FOLDER + '/' + name;
  const put = (name, text) => fs.appendFileSync(path(name), text);
  const announce = (name, text) => { put('.' + name, text); fs.renameSync(path('.' + name), path(name)); };`;

/** Writes a letter for each signal, and ends with code 5 after a while, so that a second delivery would be seen. */
const COUNTING = `${FILES}
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {
    put('signals', name + ' ');
    setInterval(() => process.exit(5), 300);
  });
  announce('started', String(process.pid)); setInterval(() => {}, 1000);`;

/** Takes Ctrl-C and goes on. */
const STUBBORN = COUNTING.replace('process.exit(5)', '0');

/** Ends well, and leaves something running in its process group. */
const LEAVES_CHILD = `${FILES}
  const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  child.once('spawn', () => { put('child', String(child.pid)); announce('started', String(process.pid)); process.exit(0); });`;

type Running = {
  process: ChildProcess;
  folder: string;
  read(name: string): string;
  /** What the terminal has shown. */
  shown(): string;
  ended(): Promise<unknown[]>;
};

/** `through`: what stands in front of node, for example a shell that stays in between. */
async function start(
  t: TestContext,
  script: string,
  how: 'pipe' | 'terminal',
  through: readonly string[] = [],
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'qsplit-processes-'));
  writeFileSync(join(folder, 'mirrord.json'), JSON.stringify(CONFIG));
  writeFileSync(join(folder, 'command.cjs'), script);
  const command = [...through, process.execPath, join(folder, 'command.cjs')];
  const args = [QSPLIT, 'exec', '-f', 'mirrord.json', '--yes', '--', ...command];
  const quoted = [process.execPath, ...args].map((part) => `'${part}'`).join(' ');
  const [program, parameters] =
    how === 'pipe' ? [process.execPath, args] : ['script', ['-qec', `exec ${quoted}`, '/dev/null']];
  const child = spawn(program, parameters, {
    stdio: ['pipe', how === 'terminal' ? 'pipe' : 'ignore', 'ignore'],
    env: { ...process.env, FOLDER: folder },
    detached: true,
  });
  const exited = once(child, 'exit');
  let shown = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  t.after(() => {
    for (const pid of [child.pid, existsSync(join(folder, 'started')) ? Number(read('started')) : undefined])
      killGroup(pid);
    rmSync(folder, { recursive: true, force: true });
  });
  await waitFor('the command to start', () => existsSync(join(folder, 'started')), {
    deadlineMs: DEADLINE_MS,
    intervalMs: 20,
  });
  return {
    process: child,
    folder,
    read,
    shown: () => shown,
    ended: () => withDeadline(exited, 'the end of qsplit', DEADLINE_MS),
  };
}

function killGroup(pid: number | undefined): void {
  try {
    // -0 would be the group that all tests run in.
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
}

test('a signal to qsplit alone reaches the command once', async (t) => {
  const running = await start(t, COUNTING, 'pipe');
  running.process.kill('SIGTERM');
  assert.deepEqual(await running.ended(), [5, null]);
  assert.equal(running.read('signals'), 'SIGTERM ');
  assert.equal(running.read('left'), '');
});

test('a signal to the whole process group reaches the command once', async (t) => {
  const running = await start(t, COUNTING, 'pipe');
  process.kill(-(running.process.pid ?? 0), 'SIGINT');
  assert.deepEqual(await running.ended(), [5, null]);
  assert.equal(running.read('signals'), 'SIGINT ');
  assert.equal(running.read('left'), '');
});

test('Ctrl-C in a terminal reaches the command once', async (t) => {
  const running = await start(t, COUNTING, 'terminal');
  running.process.stdin?.write('\x03');
  assert.deepEqual(await running.ended(), [5, null]);
  assert.equal(running.read('signals'), 'SIGINT ');
  assert.equal(running.read('left'), '');
});

test('a second Ctrl-C in a terminal kills the command', async (t) => {
  const running = await start(t, STUBBORN, 'terminal');
  running.process.stdin?.write('\x03');
  // Both must have had it: of two signals that wait for a process it gets one.
  const hadIt = () => existsSync(join(running.folder, 'signals')) && running.shown().includes('Ctrl-C again kills it');
  await waitFor('the first Ctrl-C', hadIt, { deadlineMs: DEADLINE_MS });
  running.process.stdin?.write('\x03');
  assert.deepEqual(await running.ended(), [137, null]);
  assert.equal(running.read('left'), '');
});

/** As npm runs a script: the shell does not hand on what it gets, and a SIGTERM ends it at once. */
const THROUGH_SHELL = ['sh', '-c', '"$0" "$1"; exit $?'];

for (const [signal, codes] of [
  // What a shell makes of an interrupt that its command has survived differs from shell to shell.
  ['SIGINT', [5, 130]],
  ['SIGTERM', [143]],
] as const) {
  test(`${signal} reaches a worker behind a shell once, and qsplit waits until it has ended`, async (t) => {
    const running = await start(t, COUNTING, 'pipe', THROUGH_SHELL);
    const worker = identify(Number(running.read('started')));
    assert.ok(worker);
    running.process.kill(signal);
    const [code] = await running.ended();
    assert.ok((codes as readonly unknown[]).includes(code), String(code));
    assert.equal(isAlive(worker), false);
    assert.equal(running.read('signals'), `${signal} `);
    assert.equal(running.read('left'), '');
  });
}

for (const how of ['pipe', 'terminal'] as const) {
  test(`a kill -9 of qsplit (${how}) ends the command, with SIGTERM first`, async (t) => {
    const running = await start(t, COUNTING, how);
    const command = identify(Number(running.read('started')));
    assert.ok(command);
    const qsplit = parentOf(command.pid);
    assert.ok(qsplit > 1);
    process.kill(qsplit, 'SIGKILL');
    await waitFor('the end of the command', () => !isAlive(command), { deadlineMs: DEADLINE_MS });
    // Of a terminal whose first process has died, the kernel hangs up as well, sooner or later.
    assert.match(running.read('signals'), how === 'pipe' ? /^SIGTERM $/ : /SIGTERM /);
  });
}

test('what the command has left in the background is its own affair when qsplit ends by itself', async (t) => {
  const running = await start(t, LEAVES_CHILD, 'pipe');
  assert.deepEqual(await running.ended(), [0, null]);
  const guards = () => processesMentioning(running.folder).filter(({ command }) => command.includes('qsplit-guard'));
  await waitFor('the guard to be gone', () => guards().length === 0, { deadlineMs: DEADLINE_MS });
  const left = identify(Number(running.read('child')));
  assert.ok(left !== undefined && isAlive(left));
  process.kill(left.pid, 'SIGKILL');
});
