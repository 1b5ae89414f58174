// A condition variable for one thread: code awaits a condition instead of sleeping, and looks again whenever something has changed.

export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Call after every change that somebody's condition may depend on. */
  notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** @returns true when the condition holds, false when the signal was aborted before that. Never rejects. */
  async until(condition: () => boolean, signal?: AbortSignal): Promise<boolean> {
    while (!condition()) {
      if (signal?.aborted) return false;
      await this.#next(signal);
    }
    return true;
  }

  #next(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}
