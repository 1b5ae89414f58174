// Exponential back-off with jitter, as a value that remembers how often something failed. Waits for nothing itself.

export type Backoff = {
  /** The next delay in milliseconds: doubles each time, between half and all of the step. */
  next(): number;
  /** After a success: start from the beginning. */
  reset(): void;
};

export function createBackoff(options: { baseMs: number; maxMs: number; random: () => number }): Backoff {
  let step = options.baseMs;
  return {
    next() {
      const delay = step * (0.5 + options.random() / 2);
      step = Math.min(step * 2, options.maxMs);
      return delay;
    },
    reset() {
      step = options.baseMs;
    },
  };
}
