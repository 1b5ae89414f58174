// Ctrl-C, a kill, a closed terminal: what runs is given up at once, what it has made is removed, and the second signal does not wait for it.
import { childrenOf } from '../test/testbed/process-table.ts';
import { withDeadline } from '../test/testbed/wait.ts';

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: keyof typeof SIGNALS) {
    super(`interrupted by ${signal}`);
    this.name = 'Interrupted';
    this.exitCode = SIGNALS[signal];
  }
}

export type Interruption = {
  /** Aborted with an `Interrupted` by the first signal. */
  readonly signal: AbortSignal;
  /** The result of `work`, or the rejection when a signal comes first; `work` itself is then left alone. */
  before<T>(work: Promise<T>): Promise<T>;
  /**
   * The signal, if one is the cause of `error`, else the error itself. A terminal's Ctrl-C ends the commands that run, too, and we may
   * learn of their end before we learn of the signal.
   */
  causeOf(error: unknown): Promise<unknown>;
};

/** From here on signals do not end the process by themselves. `onFirst` says so to people. */
export function awaitInterruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // The run's own exit handler removes what is left, without waiting for anybody.
      if (controller.signal.aborted) process.exit(SIGNALS[name]);
      onFirst();
      controller.abort(new Interrupted(name));
    });
  }
  const stopped = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  stopped.catch(() => undefined);
  const causeOf = async (error: unknown) => {
    for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
    return controller.signal.aborted ? controller.signal.reason : error;
  };
  return {
    signal: controller.signal,
    causeOf,
    before(work) {
      const explained = work.catch(async (error: unknown) => {
        throw await causeOf(error);
      });
      explained.catch(() => undefined);
      return Promise.race([explained, stopped]);
    },
  };
}

/** Of the event loop, until a signal that is there already has reached its listeners. */
const TURNS = 3;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Gives `work` up, which was not made to be interrupted: ends the commands that it waits for (compilers, kubectl, helm) with all that they
 * have started, as a terminal's Ctrl-C does, and leaves it some time to put away what it has made. Never rejects.
 */
export async function giveUp(work: Promise<unknown>, deadlineMs: number): Promise<void> {
  for (const child of childrenOf(process.pid)) endTree(child);
  const settled = work.then(
    () => undefined,
    () => undefined,
  );
  await withDeadline(settled, 'what was begun to be given up', deadlineMs).catch(() => undefined);
}

function endTree(pid: number): void {
  for (const child of childrenOf(pid)) endTree(child);
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended in the meantime.
  }
}
