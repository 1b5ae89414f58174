// Work by key, with the semantics of controller-runtime: equal keys are one, a key is never processed twice at once, a key added while
// it is processed is processed once more, failures come back later and later. Knows nothing of what the keys mean.
import { type Clock, systemClock } from '../clock.ts';
import { toSplitterError } from '../errors.ts';
import type { Log } from '../log.ts';
import { watchRunningWork, workQueueMetrics } from '../metrics/kube.ts';
import { isLostRace } from './api-error.ts';

/** Processed, and optionally: look again after so long. */
export type WorkResult = { requeueAfterMs?: number | undefined } | undefined;

export type WorkQueueOptions = {
  /** Label of the metrics. */
  name: string;
  /** Throwing means: again, after this key's back-off. The signal aborts at `shutdown`. */
  process: (key: string, signal: AbortSignal) => Promise<WorkResult>;
  log: Log;
  concurrency?: number;
  clock?: Clock;
  /** First and longest delay after failures; it doubles in between. */
  baseDelayMs?: number;
  maxDelayMs?: number;
};

type Delayed = { dueAt: number; cancel: () => void };

/** Failures of a key in a row; `told` is the last sentence that a person was warned with. */
type Failures = { times: number; told: string | undefined };

/** So many lost races in a row are nobody's good luck any more. */
const UNLUCKY = 5;

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  /** In the order they came; the value is when, for the metric. */
  readonly #waiting = new Map<string, number>();
  readonly #delayed = new Map<string, Delayed>();
  /** The value is when it began. */
  readonly #running = new Map<string, number>();
  /** Came again while running. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, Failures>();
  readonly #stopping = new AbortController();
  readonly #drained = Promise.withResolvers<void>();
  #started = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#concurrency = options.concurrency ?? 1;
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 300_000;
    watchRunningWork(options.name, () => this.#runningSeconds());
  }

  /** Keys may be added before; they wait until now. */
  start(): void {
    this.#started = true;
    this.#next();
  }

  /** As soon as possible, whatever delay the key had. */
  add(key: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#cancelDelay(key);
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#waiting.has(key)) return;
    this.#waiting.set(key, this.#clock.monotonic());
    workQueueMetrics.adds.inc({ name: this.#options.name });
    this.#measure();
    this.#next();
  }

  /** Not before `ms` have passed; of several delays of one key the earliest counts, and no delay is earlier than any. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const dueAt = this.#clock.monotonic() + ms;
    const earlier = (this.#delayed.get(key)?.dueAt ?? Number.POSITIVE_INFINITY) <= dueAt;
    if (this.#stopping.signal.aborted || this.#waiting.has(key) || earlier) return;
    this.#cancelDelay(key);
    this.#delayed.set(key, { dueAt, cancel: this.#clock.after(ms, () => this.add(key)) });
  }

  /**
   * Hands out nothing more, aborts the signal of what runs, and resolves when that has ended. Waiting keys are dropped: the work is
   * level-triggered, whoever starts next finds them again.
   */
  shutdown(): Promise<void> {
    this.#stopping.abort();
    for (const key of [...this.#delayed.keys()]) this.#cancelDelay(key);
    this.#waiting.clear();
    this.#again.clear();
    this.#measure();
    if (this.#running.size === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  #next(): void {
    while (this.#started && this.#running.size < this.#concurrency) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const [key, addedAt] = first;
      this.#waiting.delete(key);
      void this.#work(key, addedAt);
    }
  }

  /** Never rejects. */
  async #work(key: string, addedAt: number): Promise<void> {
    const { name, process } = this.#options;
    const startedAt = this.#clock.monotonic();
    this.#running.set(key, startedAt);
    workQueueMetrics.queueDuration.observe({ name }, (startedAt - addedAt) / 1000);
    this.#measure();
    let delayMs: number | undefined;
    try {
      const result = await process(key, this.#stopping.signal);
      this.#succeeded(key);
      delayMs = result?.requeueAfterMs;
    } catch (error) {
      delayMs = this.#failed(key, error);
    }
    this.#running.delete(key);
    workQueueMetrics.workDuration.observe({ name }, (this.#clock.monotonic() - startedAt) / 1000);
    if (this.#stopping.signal.aborted && this.#running.size === 0) this.#drained.resolve();
    if (this.#again.delete(key)) this.add(key);
    else if (delayMs !== undefined) this.addAfter(key, delayMs);
    this.#next();
  }

  #succeeded(key: string): void {
    const { times = 0, told } = this.#failures.get(key) ?? {};
    this.#failures.delete(key);
    if (told !== undefined) this.#options.log.info({ queue: this.#options.name, key, failures: times }, 'works again');
  }

  /** Returns the delay. People are warned of a new cause once; that it goes on, and races that were lost, are for debugging. */
  #failed(key: string, error: unknown): number {
    const { name, log } = this.#options;
    const { times, told } = this.#failures.get(key) ?? { times: 0, told: undefined };
    const delayMs = Math.min(this.#baseDelayMs * 2 ** times, this.#maxDelayMs);
    const { code, message } = toSplitterError(error);
    const facts = { queue: name, key, code, retryInMs: delayMs };
    const isWarned = message !== told && (!isLostRace(error) || times + 1 >= UNLUCKY);
    this.#failures.set(key, { times: times + 1, told: isWarned ? message : told });
    workQueueMetrics.retries.inc({ name });
    if (this.#stopping.signal.aborted) return delayMs;
    if (isWarned) log.warn({ ...facts, err: error }, 'processing failed and is tried again until it works');
    else if (isLostRace(error)) log.debug({ ...facts, why: message }, 'somebody else was faster; decided again');
    else log.debug({ ...facts, why: message }, 'processing failed again');
    return delayMs;
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }

  #measure(): void {
    workQueueMetrics.depth.set({ name: this.#options.name }, this.#waiting.size);
  }

  #runningSeconds(): number[] {
    const now = this.#clock.monotonic();
    return [...this.#running.values()].map((startedAt) => (now - startedAt) / 1000);
  }
}
