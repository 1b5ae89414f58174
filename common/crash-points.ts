// Named points at which tests kill a process with SIGKILL, or let it stand still as SIGSTOP would, to prove that no moment is dangerous. In
// production a point does nothing.
import { writeSync } from 'node:fs';

export const CRASH_POINT_VARIABLE = 'QUEUE_SPLITTER_CRASH_POINT';

/** `standStillMs`: it does not die, but does nothing at all for so long and then goes on as if no time had passed. */
export type CrashPoint = { name: string; hit: number; standStillMs?: number };

/** `<name>`, `<name>:<n>` or `<name>:<n>:<milliseconds>`: at the n-th hit of that point (the first unless told). */
export function parseCrashPoint(text: string | undefined): CrashPoint | undefined {
  const match = /^([^:]+)(?::(\d+)(?::(\d+))?)?$/.exec(text ?? '');
  const [, name, hit = '1', standStillMs] = match ?? [];
  if (!name) return undefined;
  return {
    name,
    hit: Math.max(1, Number(hit)),
    ...(standStillMs === undefined ? {} : { standStillMs: Number(standStillMs) }),
  };
}

/** The exit status of a container whose process was killed. */
const SIGKILLED = 137;

const wanted = parseCrashPoint(process.env[CRASH_POINT_VARIABLE]);
let hits = 0;

/** Dies here when the environment says so, after one line `crash-point <name>` on standard error that lets a test assert the hit. */
export function crashPoint(name: string): void {
  if (wanted === undefined || wanted.name !== name) return;
  hits += 1;
  const { hit, standStillMs } = wanted;
  if (standStillMs === undefined ? hits < hit : hits !== hit) return;
  writeSync(process.stderr.fd, `crash-point ${name}\n`);
  if (standStillMs === undefined) die();
  else standStill(standStillMs);
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // Still here: the first process of a container gets no signal from inside it (pid_namespaces(7)).
  process.exit(SIGKILLED);
}

/** No timer, no answer and no signal is handled meanwhile. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
