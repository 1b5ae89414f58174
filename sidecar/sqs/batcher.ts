// Turns single items into full batch calls without timers: a full batch goes at once, a partial one while hardly anything is under way,
// the rest waits for company until a call comes back (Nagle's rule). What failed stays in front and is tried again after a back-off.
import { type Clock, pause } from '../../common/clock.ts';
import { type SplitterError, toSplitterError } from '../../common/errors.ts';
import { type Backoff, createBackoff } from '../../common/kube/backoff.ts';
import { batchLength, MAX_BATCH_ENTRIES } from '../../common/sqs/copy.ts';
import { Changes } from '../changes.ts';

export type BatcherOptions<T> = {
  /** Bytes; a batch holds at most 1 MiB. */
  sizeOf: (item: T) => number;
  maxConcurrent: number;
  /** One call. Resolves with the items to try again; rejects when the call failed as a whole. */
  send: (batch: T[]) => Promise<T[]>;
  /** After a call: the error that keeps this batcher from working, or undefined when it works (again). */
  onOutcome: (problem: SplitterError | undefined) => void;
  clock: Clock;
  random: () => number;
  retryBaseMs: number;
  retryMaxMs: number;
};

/** While fewer calls than this are under way, a batch need not be full. */
const PARTIAL_BATCHES = 2;

export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  readonly #backoff: Backoff;
  readonly #changes = new Changes();
  readonly #stopped = new AbortController();
  #waiting: T[] = [];
  #calls = 0;
  #pausing = false;
  #failures = 0;

  constructor(options: BatcherOptions<T>) {
    this.#options = options;
    const { retryBaseMs, retryMaxMs, random } = options;
    this.#backoff = createBackoff({ baseMs: retryBaseMs, maxMs: retryMaxMs, random });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Calls that failed since the last one that did not. */
  get failures(): number {
    return this.#failures;
  }

  add(item: T): void {
    this.#waiting.push(item);
    this.#pump();
  }

  /** Takes out waiting items, the newest ones first to go: all but `keep` of them. */
  take(keep = 0): T[] {
    const taken = this.#waiting.splice(keep);
    this.#changes.notify();
    return taken;
  }

  /** False when the signal was aborted first. */
  below(waiting: number, signal?: AbortSignal): Promise<boolean> {
    return this.#changes.until(() => this.#waiting.length < waiting || this.#stopped.signal.aborted, signal);
  }

  /** True when nothing waits and no call is under way; false when the signal was aborted first. */
  idle(signal?: AbortSignal): Promise<boolean> {
    return this.#changes.until(() => this.#waiting.length === 0 && this.#calls === 0, signal);
  }

  /** Starts no call any more, waits for those under way, and returns what was not sent. */
  async stop(): Promise<T[]> {
    this.#stopped.abort();
    this.#changes.notify();
    await this.#changes.until(() => this.#calls === 0);
    return this.take();
  }

  #pump(): void {
    while (!this.#pausing && !this.#stopped.signal.aborted && this.#calls < this.#options.maxConcurrent) {
      const candidates = this.#waiting.slice(0, MAX_BATCH_ENTRIES + 1);
      if (candidates.length === 0) return;
      const count = batchLength(candidates.map(this.#options.sizeOf));
      const isFull = count === MAX_BATCH_ENTRIES || count < candidates.length;
      if (!isFull && this.#calls >= PARTIAL_BATCHES) return;
      void this.#call(this.#waiting.splice(0, count));
    }
  }

  async #call(batch: T[]): Promise<void> {
    this.#calls += 1;
    let again = batch;
    let problem: SplitterError | undefined;
    try {
      again = await this.#options.send(batch);
    } catch (error) {
      problem = toSplitterError(error);
    }
    this.#calls -= 1;
    this.#waiting.unshift(...again);
    const isStalled = problem !== undefined || (again.length > 0 && again.length === batch.length);
    this.#failures = isStalled ? this.#failures + 1 : 0;
    if (!isStalled) this.#backoff.reset();
    this.#options.onOutcome(problem);
    this.#changes.notify();
    if (isStalled && !this.#pausing) await this.#rest();
    this.#pump();
  }

  async #rest(): Promise<void> {
    this.#pausing = true;
    await pause(this.#options.clock, this.#backoff.next(), this.#stopped.signal);
    this.#pausing = false;
  }
}
