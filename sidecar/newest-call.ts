// Runs one piece of work at a time, always the newest that was asked for: a later call tells the one before it to end early, waits for
// it and takes its place. Knows nothing of what the work does.

export class NewestCall {
  readonly #closed = new AbortController();
  #superseded = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Settles as `work` does. The signal is aborted by a later call and by `close`; work that sees it aborted returns early. */
  run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#superseded.abort();
    const superseded = new AbortController();
    this.#superseded = superseded;
    const signal = AbortSignal.any([superseded.signal, this.#closed.signal]);
    const call = this.#ended.then(() => work(signal));
    this.#ended = call.catch(() => undefined);
    return call;
  }

  /** Resolves when the last call has ended. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#ended;
  }
}
