// Named points at which tests kill a process with SIGKILL, to prove that no moment is dangerous. In production a point does nothing.
import { writeSync } from 'node:fs';

export const CRASH_POINT_VARIABLE = 'QUEUE_SPLITTER_CRASH_POINT';

/** `<name>` or `<name>:<n>`: the process dies at the n-th hit of that point (the first unless told). */
export function parseCrashPoint(text: string | undefined): { name: string; hit: number } | undefined {
  const match = /^([^:]+)(?::(\d+))?$/.exec(text ?? '');
  if (!match?.[1]) return undefined;
  return { name: match[1], hit: Math.max(1, Number(match[2] ?? '1')) };
}

/** The exit status of a container whose process was killed. */
const SIGKILLED = 137;

const wanted = parseCrashPoint(process.env[CRASH_POINT_VARIABLE]);
let hits = 0;

/** Dies here when the environment says so, after one line `crash-point <name>` on standard error that lets a test assert the hit. */
export function crashPoint(name: string): void {
  if (wanted === undefined || wanted.name !== name) return;
  hits += 1;
  if (hits < wanted.hit) return;
  writeSync(process.stderr.fd, `crash-point ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
  // Still here: the first process of a container gets no signal from inside it (pid_namespaces(7)).
  process.exit(SIGKILLED);
}
