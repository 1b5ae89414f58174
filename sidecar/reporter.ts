// Writes a value that changes often to a place that takes its time: one write at a time, always the newest value, nothing by the clock but
// the pause after a failure.
import { type Clock, pause } from '../common/clock.ts';
import { createBackoff } from '../common/kube/backoff.ts';

export type ReporterOptions = {
  /** Writes the current value; rejecting means: again, after a pause. */
  write: () => Promise<void>;
  clock: Clock;
  random: () => number;
};

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #stopping = new AbortController();
  #isStale = false;
  #writing: Promise<void> | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** The value has changed. */
  mark(): void {
    this.#isStale = true;
    if (!this.#stopping.signal.aborted) this.#writing ??= this.#writeAll();
  }

  /** Writes nothing more; resolves when a write under way has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    const { write, clock, random } = this.#options;
    const backoff = createBackoff({ baseMs: 200, maxMs: 10_000, random });
    while (this.#isStale && !this.#stopping.signal.aborted) {
      this.#isStale = false;
      try {
        await write();
        backoff.reset();
      } catch {
        this.#isStale = true;
        await pause(clock, backoff.next(), this.#stopping.signal);
      }
    }
    // In the same step as the last look at `#isStale`: a change in between would not be written by anybody.
    this.#writing = undefined;
  }
}
