// A value as it is now and as somebody sees it who lags behind: API servers and webhook replicas do, by a bounded time.

/** Less than the second look after a restore waits for; an API server that lags longer is the sweeper's business. */
export const LAG_MS = 4000;

export class History<T> {
  #entries: { at: number; value: T }[];

  constructor(first: T) {
    this.#entries = [{ at: Number.NEGATIVE_INFINITY, value: first }];
  }

  note(at: number, value: T): void {
    const seen = this.#entries.filter((entry) => entry.at <= at - LAG_MS);
    this.#entries = [...seen.slice(-1), ...this.#entries.filter((entry) => entry.at > at - LAG_MS), { at, value }];
  }

  get newest(): T {
    return this.#last(this.#entries);
  }

  /** The oldest value that anybody may still have at this time. */
  lagging(at: number): T {
    const seen = this.#entries.filter((entry) => entry.at <= at - LAG_MS);
    return seen.length > 0 ? this.#last(seen) : this.#last(this.#entries.slice(0, 1));
  }

  #last(entries: readonly { value: T }[]): T {
    const entry = entries.at(-1);
    if (!entry) throw new Error('a history is never empty');
    return entry.value;
  }
}
