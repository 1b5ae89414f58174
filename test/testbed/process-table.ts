/**
 * Looks at the machine's process table (Linux /proc). Only looks and signals; starts nothing.
 * A process is known by its id *and* its start time, because ids are used again.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type ProcessIdentity = {
  pid: number;
  /** Clock ticks since boot (field 22 of proc(5) stat); `''` where there is no /proc. */
  startTime: string;
};

/** The identity of a live process, or undefined when there is none with this id (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | undefined {
  const fields = statFields(pid);
  if (fields === undefined) {
    if (process.platform === 'linux') return undefined;
    return isSignallable(pid) ? { pid, startTime: '' } : undefined;
  }
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, startTime: fields[19] ?? '' };
}

/** Whether exactly this process (not a later one with the same id) is alive. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** Ids of the live children of a process. */
export function childrenOf(parentPid: number): number[] {
  return processIds().filter((pid) => statFields(pid)?.[1] === String(parentPid));
}

/** The id of the parent; 0 when there is no such process. */
export function parentOf(pid: number): number {
  return Number(statFields(pid)?.[1] ?? 0);
}

/** Ids of the live processes of a process group. */
export function membersOfGroup(groupId: number): number[] {
  return processIds().filter((pid) => {
    const fields = statFields(pid);
    return fields !== undefined && fields[2] === String(groupId) && fields[0] !== 'Z';
  });
}

/** Live processes whose command line, environment or working directory mentions `marker`. */
export function processesMentioning(marker: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const pid of processIds()) {
    if (pid === process.pid || identify(pid) === undefined) continue;
    const command = readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    if (command.includes(marker) || readText(`/proc/${pid}/environ`).includes(marker)) found.push({ pid, command });
  }
  return found;
}

/** Sends a signal to a whole process group; false when there is none any more. */
export function signalGroup(groupId: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** The fields of /proc/PID/stat from the state (field 3) on: state, parent, group, session, … */
function statFields(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === '') return undefined;
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isSignallable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
