// A clock that stands still until a test moves it. Timers fire in order, and what they set free runs before the next one fires.
import type { Clock } from '../../../common/clock.ts';

type Timer = { dueAt: number; callback: () => void };

export class FakeClock implements Clock {
  #elapsedMs = 0;
  #startMs: number;
  readonly #timers = new Set<Timer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { dueAt: this.#elapsedMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Milliseconds until each timer, soonest first. */
  get timers(): number[] {
    return [...this.#timers].map((timer) => timer.dueAt - this.#elapsedMs).sort((one, other) => one - other);
  }

  /** The wall clock jumps, as after a suspension of the machine; timers and the monotonic clock stand still. */
  jump(ms: number): void {
    this.#startMs += ms;
  }

  async advance(ms: number): Promise<void> {
    const until = this.#elapsedMs + ms;
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueAt);
      this.#timers.delete(next);
      next.callback();
      await settled();
    }
    this.#elapsedMs = until;
    await settled();
  }

  #next(until: number): Timer | undefined {
    return [...this.#timers].filter((timer) => timer.dueAt <= until).sort((one, other) => one.dueAt - other.dueAt)[0];
  }
}

/** All promise reactions that are ready now have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
