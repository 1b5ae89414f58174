// Background moves of what sessions leave behind: an ended session's queue into the fallback, and, when the target is gone, everything back
// into the original. Retries until the queue is empty; nothing is ever given up or dropped.
import type { QueueLocation } from '../../api/kinds/workload-split.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import { totalOf } from '../../common/sqs/depth.ts';
import { type MoveEnd, moveAll } from '../../common/sqs/move.ts';
import { Changes } from '../changes.ts';
import type { SqsSettings } from './settings.ts';

export type LeftOversOptions = {
  settings: SqsSettings;
  clock: Clock;
  endOf: (location: QueueLocation) => MoveEnd;
  mayWrite: () => boolean;
  othersMayWrite: () => string | undefined;
  onChange: () => void;
  onMoved: (from: string, messages: number) => void;
};

type Move = {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  moved: number;
  isEmpty: boolean;
  problem: SplitterError | undefined;
};

/** A missing permission does not appear by asking often. */
const RETRY_AFTER_REFUSAL_MS = 60_000;

export class LeftOvers {
  readonly #options: LeftOversOptions;
  readonly #moves = new Map<string, Move>();
  readonly #changes = new Changes();

  constructor(options: LeftOversOptions) {
    this.#options = options;
  }

  /** Starts the move of this name unless it has been started. */
  start(name: string, from: QueueLocation, to: QueueLocation): void {
    if (this.#moves.has(name)) return;
    const abort = new AbortController();
    const begun = Promise.withResolvers<void>();
    const move: Move = { abort, ended: begun.promise, moved: 0, isEmpty: false, problem: undefined };
    this.#moves.set(name, move);
    void this.#run(move, from, to).then(begun.resolve);
  }

  /** Messages moved, for a move whose source is empty for good. */
  emptied(name: string): number | undefined {
    const move = this.#moves.get(name);
    return move?.isEmpty ? move.moved : undefined;
  }

  problems(): SplitterError[] {
    return [...this.#moves.values()].flatMap((move) => (move.problem === undefined ? [] : [move.problem]));
  }

  /** True when all moves have emptied their sources; false when the signal was aborted first. */
  allEmptied(signal: AbortSignal): Promise<boolean> {
    return this.#changes.until(() => [...this.#moves.values()].every((move) => move.isEmpty), signal);
  }

  /** Ends all moves but these; resolves when they have ended. */
  async keepOnly(names: ReadonlySet<string>): Promise<void> {
    const others = [...this.#moves].filter(([name]) => !names.has(name));
    for (const [name, move] of others) {
      move.abort.abort();
      this.#moves.delete(name);
    }
    await Promise.all(others.map(([, move]) => move.ended));
  }

  async #run(move: Move, from: QueueLocation, to: QueueLocation): Promise<void> {
    const { settings, clock, onChange } = this.#options;
    const { signal } = move.abort;
    while (!move.isEmpty && !signal.aborted) {
      const problem = await this.#moveOnce(move, from, to);
      if (signal.aborted) return;
      const isNews = move.isEmpty || problem?.message !== move.problem?.message;
      move.problem = problem;
      this.#changes.notify();
      if (isNews) onChange();
      if (problem !== undefined) {
        await pause(clock, problem.retryable ? settings.retryMaxMs : RETRY_AFTER_REFUSAL_MS, signal);
      }
    }
  }

  /** @returns why the source is not empty yet. */
  async #moveOnce(move: Move, from: QueueLocation, to: QueueLocation): Promise<SplitterError | undefined> {
    const { settings, clock, endOf, mayWrite, othersMayWrite, onMoved } = this.#options;
    try {
      const { empty, left } = await moveAll({
        from: endOf(from),
        to: endOf(to),
        confirmMs: settings.confirmEmptyMs,
        deadlineMs: settings.sessionDrainTimeoutMs,
        visibilitySeconds: settings.visibilitySeconds,
        mayWrite,
        mayGetMore: () => othersMayWrite() !== undefined,
        clock,
        signal: move.abort.signal,
        onMoved: (messages) => {
          move.moved += messages;
          onMoved(from.name, messages);
        },
      });
      move.isEmpty = empty;
      if (empty) return undefined;
      const others = totalOf(left) === 0 ? othersMayWrite() : undefined;
      const why = others
        ? `Queue ${from.name} is empty and kept: ${others}.`
        : `Queue ${from.name} still holds ${totalOf(left)} messages (${left.inFlight} in flight at a reader) after ${settings.sessionDrainTimeoutMs / 1000} s; it is kept, and they move to ${to.name} when their visibility timeout is over.`;
      return new SplitterError('BrokerRejected', why, { retryable: true });
    } catch (error) {
      return toSplitterError(error);
    }
  }
}
