/**
 * A run: one directory that holds everything a testbed makes (`qs-<id>` in the machine's temporary directory), with a
 * state file that says which processes, network namespaces and control groups belong to it. Whoever finds the state
 * file of a dead run can remove all of it: the run itself on every way out, the next start after a kill -9.
 * Never touches a directory of another user, nor a process whose start time differs from the recorded one.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeControlGroups, removeNetworkNamespace, unmountBelow } from './kernel-objects.ts';
import { identify, isAlive, membersOfGroup, type ProcessIdentity, signalGroup } from './process-table.ts';
import { waitFor, waitForSync } from './wait.ts';

export type RunState = {
  owner: ProcessIdentity;
  /** Leaders of their own process groups. */
  processes: ProcessIdentity[];
  networkNamespaces: string[];
  controlGroups: string[];
};

export type Run = {
  /** Short and unique on this machine: `qs-4f9c2a`. */
  id: string;
  directory: string;
  /** Changes the state and writes it to the state file before it returns. */
  record(change: (state: RunState) => void): void;
  /** Ends every process and removes everything; may be called again. */
  destroy(): Promise<void>;
};

const prefix = 'qs-';
const openRuns = new Map<string, RunState>();

/** Makes the directory of a new run, which is removed with all that was recorded when this process ends. */
export function openRun(): Run {
  installExitHandlers();
  const id = `${prefix}${randomBytes(3).toString('hex')}`;
  const directory = join(tmpdir(), id);
  mkdirSync(directory, { mode: 0o711 });
  const owner = identify(process.pid);
  if (owner === undefined) throw new Error('This process does not see itself in the process table; is /proc mounted?');
  const state: RunState = { owner, processes: [], networkNamespaces: [], controlGroups: [] };
  const record = (change: (state: RunState) => void) => {
    change(state);
    writeState(directory, state);
  };
  record(() => undefined);
  openRuns.set(directory, state);
  return {
    id,
    directory,
    record,
    async destroy() {
      if (!openRuns.has(directory)) return;
      const groups = killGroups(state);
      // On a machine with much else to do the kernel takes its time to end all that lives in a process namespace.
      await waitFor(`the end of all processes of ${id}`, () => areGone(groups), { deadlineMs: 60_000, intervalMs: 20 });
      if (openRuns.delete(directory)) destroyRun(directory, state);
    },
  };
}

/** Removes what runs left behind whose process is dead. @returns the ids of these runs. */
export function sweepStale(): string[] {
  const swept: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    if (!/^qs-[0-9a-f]{6}$/.test(name)) continue;
    const directory = join(tmpdir(), name);
    const state = readState(directory);
    if (state === undefined || isAlive(state.owner)) continue;
    destroyRun(directory, state);
    swept.push(name);
  }
  return swept;
}

function destroyRun(directory: string, state: RunState): void {
  const groups = killGroups(state);
  waitForSync(() => areGone(groups), 10_000);
  unmountBelow(directory);
  for (const name of state.networkNamespaces) removeNetworkNamespace(name);
  for (const name of state.controlGroups) waitForSync(() => removeControlGroups(name), 10_000);
  // The state file goes last: without it nobody could finish what is interrupted here.
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    if (join(directory, name) !== statePath(directory)) removeWhole(join(directory, name));
  }
  removeWhole(directory);
}

function removeWhole(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

function killGroups(state: RunState): ProcessIdentity[] {
  const groups = state.processes.filter(isGroupOurs);
  for (const { pid } of groups) signalGroup(pid, 'SIGKILL');
  return groups;
}

function areGone(groups: readonly ProcessIdentity[]): boolean {
  return groups.every(({ pid }) => membersOfGroup(pid).length === 0);
}

/** The kernel gives no id to a new process while a group of that id has members: a dead leader's group is still ours. */
function isGroupOurs(leader: ProcessIdentity): boolean {
  const now = identify(leader.pid);
  return now === undefined ? membersOfGroup(leader.pid).length > 0 : now.startTime === leader.startTime;
}

function statePath(directory: string): string {
  return join(directory, 'run.json');
}

function writeState(directory: string, state: RunState): void {
  if (!existsSync(directory)) return;
  const aside = `${statePath(directory)}.new`;
  writeFileSync(aside, JSON.stringify(state));
  renameSync(aside, statePath(directory));
}

function readState(directory: string): RunState | undefined {
  try {
    if (statSync(directory).uid !== process.getuid?.()) return undefined;
    return JSON.parse(readFileSync(statePath(directory), 'utf8')) as RunState;
  } catch {
    return undefined;
  }
}

let handlersInstalled = false;

/**
 * `exit` covers the normal end, process.exit and uncaught errors. A signal ends the process only when nobody else
 * listens to it: a program with a handler of its own is expected to end by itself, which `exit` covers again.
 */
function installExitHandlers(): void {
  if (handlersInstalled) return;
  handlersInstalled = true;
  const destroyAll = () => {
    for (const [directory, state] of openRuns) destroyRun(directory, state);
    openRuns.clear();
  };
  process.on('exit', destroyAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const end = () => {
      if (process.listenerCount(signal) > 1) return;
      destroyAll();
      process.removeListener(signal, end);
      process.kill(process.pid, signal);
    };
    process.on(signal, end);
  }
}
