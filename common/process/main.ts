// The frame of every process in the cluster: signals become an AbortSignal, a failure becomes one JSON line with a code and an exit status.
import { constants } from 'node:os';
import { SplitterError, toSplitterError } from '../errors.ts';
import type { Log } from '../log.ts';

export const EXIT_FAILURE = 1;

/** What we need of Node's `process`; tests pass their own. */
export type Host = {
  on(event: NodeJS.Signals | 'uncaughtException' | 'unhandledRejection', listener: (value: unknown) => void): unknown;
  exit(status: number): void;
};

/**
 * Runs `main` until it settles and then ends the process: 0 when it resolved, 1 when it rejected or when anything was thrown outside of it.
 * The first SIGTERM or SIGINT aborts the signal, and `main` puts things in order and resolves; the second ends the process at once
 * with 128 + its number. `interruptedStatus`: for a `main` that rejects with `Interrupted` because it was stopped before its work was done.
 */
export async function runMain(
  log: Log,
  main: (signal: AbortSignal) => Promise<void>,
  host: Host = process,
  interruptedStatus = 0,
): Promise<void> {
  const stopping = new AbortController();
  const fail = (error: unknown) => {
    const { code } = toSplitterError(error);
    log.error({ err: error, code }, 'the process ends because of an error');
    host.exit(EXIT_FAILURE);
  };
  host.on('uncaughtException', fail);
  host.on('unhandledRejection', fail);
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    host.on(name, () => {
      if (stopping.signal.aborted) {
        log.warn({ signal: name }, 'second signal: ending at once');
        host.exit(128 + constants.signals[name]);
        return;
      }
      log.info({ signal: name }, 'stopping');
      stopping.abort(new SplitterError('Interrupted', `Stopped by ${name}.`));
    });
  }
  try {
    await main(stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted || !isInterruption(error)) return fail(error);
    if (interruptedStatus !== 0) log.error({ err: error, code: 'Interrupted' }, 'stopped before the work was done');
    return host.exit(interruptedStatus);
  }
  host.exit(0);
}

function isInterruption(error: unknown): boolean {
  return error instanceof SplitterError && error.code === 'Interrupted';
}
