/**
 * Programs that stay: each in its own process group, with a log file, recorded in the run's state file, and ended by
 * the kernel when this process dies in whatever way (Linux). Never leaves a program without an owner.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { networkNamespacePath } from './kernel-objects.ts';
import { identify, membersOfGroup, signalGroup } from './process-table.ts';
import type { Run } from './runs.ts';
import { waitFor } from './wait.ts';

export type SpawnOptions = {
  /** The name of the log file: `logs/<name>.log` in the run's directory. */
  name: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** A named network namespace to run in. */
  networkNamespace?: string;
  /** `pipe` lets the caller read the standard output, which is then not in the log. */
  stdout?: 'log' | 'pipe';
  /** `pipe` lets the caller write to the standard input, and close it. */
  stdin?: 'ignore' | 'pipe';
};

export type ExitReason = { code: number | null; signal: NodeJS.Signals | null };

export type Supervised = {
  name: string;
  /** The process id, which is also the id of its group. */
  pid: number;
  logPath: string;
  stdout: Readable | undefined;
  stdin: Writable | undefined;
  /** Resolves when the program has ended, however that happened. */
  ended: Promise<ExitReason>;
  isRunning(): boolean;
  /** To the whole group: SIGSTOP and SIGCONT, SIGKILL, … False when nobody is left. */
  signal(signal: NodeJS.Signals): boolean;
  /** SIGTERM, after `graceMs` (5 s unless told) SIGKILL; resolves when the whole group is gone. */
  stop(graceMs?: number): Promise<void>;
  /** The last lines of the log, for error messages. */
  tail(lines?: number): string;
};

/** Starts a program that belongs to the run. Fails when it cannot be started at all. */
export async function spawnSupervised(
  run: Run,
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<Supervised> {
  const { name, cwd, env = process.env, networkNamespace, stdout = 'log', stdin = 'ignore' } = options;
  const logPath = freeLogPath(join(run.directory, 'logs'), name);
  const inside =
    networkNamespace === undefined ? [] : ['nsenter', `--net=${networkNamespacePath(networkNamespace)}`, '--'];
  const [program = command, ...rest] = [...dieWithParent(), ...inside, command, ...args];
  const log = openSync(logPath, 'a');
  const child = spawn(program, rest, {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    detached: true,
    stdio: [stdin, stdout === 'pipe' ? 'pipe' : log, log],
  });
  closeSync(log);
  const ended = new Promise<ExitReason>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: 127, signal: null }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`Cannot start ${name} (${program}): ${error.message}`)));
  });
  const pid = child.pid as number;
  const identity = identify(pid);
  if (identity !== undefined) run.record((state) => void state.processes.push(identity));
  let running = true;
  const gone = ended.then((reason) => {
    running = false;
    return reason;
  });
  child.stdin?.on('error', () => undefined);
  return {
    name,
    pid,
    logPath,
    stdout: child.stdout ?? undefined,
    stdin: child.stdin ?? undefined,
    ended: gone,
    isRunning: () => running,
    signal: (signal) => signalGroup(pid, signal),
    async stop(graceMs = 5_000) {
      const isGone = () => !running && membersOfGroup(pid).length === 0;
      if (signalGroup(pid, 'SIGTERM')) {
        signalGroup(pid, 'SIGCONT');
        await waitFor(`the end of ${name}`, isGone, { deadlineMs: graceMs, intervalMs: 20 }).catch(() => undefined);
        signalGroup(pid, 'SIGKILL');
      }
      await waitFor(`the end of ${name} after SIGKILL`, isGone, { deadlineMs: 10_000, intervalMs: 20 });
      run.record((state) => {
        state.processes = state.processes.filter((process) => process.pid !== pid);
      });
    },
    tail: (lines = 20) => readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
  };
}

/** The program that asks the kernel to kill what it becomes as soon as this process is dead. */
export function dieWithParent(): string[] {
  return process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
}

function freeLogPath(directory: string, name: string): string {
  mkdirSync(directory, { recursive: true });
  for (let count = 1; ; count += 1) {
    const path = join(directory, count === 1 ? `${name}.log` : `${name}-${count}.log`);
    if (!existsSync(path)) return path;
  }
}
