/**
 * Waiting for a condition with a deadline. The only file of the tests that may touch a timer to wait: everything else
 * names what it waits for and how long that may take, so that a failure says what did not happen.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';

export type WaitOptions = {
  /** How long the condition may take to become true. */
  deadlineMs: number;
  /** Time between two looks; 100 ms unless told. */
  intervalMs?: number;
  /** Ends the wait early with the signal's reason. */
  signal?: AbortSignal;
};

/** Thrown when a condition did not come true in time; `what` names the condition. */
export class DeadlineError extends Error {
  readonly what: string;
  constructor(what: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DeadlineError';
    this.what = what;
  }
}

/** Throw it (wrapping the cause) inside a condition to say that waiting longer is of no use. */
export class HopelessError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'HopelessError';
  }
}

/**
 * Looks at `condition` until it returns something other than `undefined`, `null` or `false`, and returns that.
 * A condition that throws counts as not yet true; the last error or value is part of the deadline's message.
 * A `HopelessError` ends the wait at once. One look that hangs is also ended by the deadline.
 */
export async function waitFor<T>(
  what: string,
  condition: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  options: WaitOptions,
): Promise<T> {
  const { deadlineMs, intervalMs = 100, signal } = options;
  const startedAt = performance.now();
  const left = () => deadlineMs - (performance.now() - startedAt);
  let last = 'the condition was never looked at to the end';
  let lastError: unknown;
  let looks = 0;
  do {
    signal?.throwIfAborted();
    try {
      looks += 1;
      const value = await withDeadline(
        Promise.resolve().then(condition),
        `one look at "${what}"`,
        Math.max(left(), intervalMs),
      );
      if (value !== undefined && value !== null && value !== false) return value;
      last = `the last value was ${inspect(value, { depth: 4 })}`;
      lastError = undefined;
    } catch (error) {
      if (error instanceof HopelessError || error instanceof ReferenceError) throw error;
      last = `the last error was: ${error instanceof Error ? error.message : inspect(error)}`;
      lastError = error;
    }
    if (left() > 0) await pause(Math.min(intervalMs, Math.max(left(), 0)), undefined, signal ? { signal } : {});
  } while (left() > 0);
  throw new DeadlineError(
    what,
    `Waited ${seconds(deadlineMs)} for ${what}, and it did not happen (looked ${looks} times; ${last}).`,
    lastError,
  );
}

/** The result of `promise`, or a `DeadlineError` naming `what` when it takes longer than `deadlineMs`. */
export async function withDeadline<T>(promise: Promise<T>, what: string, deadlineMs: number): Promise<T> {
  const timer = new AbortController();
  const expired = pause(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new DeadlineError(what, `Waited ${seconds(deadlineMs)} for ${what}, and it did not end.`);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    timer.abort();
    expired.catch(() => undefined);
  }
}

/**
 * The same as `waitFor` without an event loop, for the last moments of a process (its `exit` event).
 * @returns whether the condition came true in time.
 */
export function waitForSync(condition: () => boolean, deadlineMs: number): boolean {
  const startedAt = performance.now();
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!condition()) {
    if (performance.now() - startedAt > deadlineMs) return false;
    Atomics.wait(cell, 0, 0, 10);
  }
  return true;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
