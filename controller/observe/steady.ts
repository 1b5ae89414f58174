// "It has been so for a while": a fact that must be seen again and again before anybody may act on it. In memory only; a restart starts the clock anew.

export class Steady {
  readonly #since = new Map<string, { atMs: number; times: number }>();
  readonly #members = new Map<string, Set<string>>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Notes one observation; returns for how long, and in how many observations in a row, it has held. */
  note(key: string, holds: boolean): { forMs: number; times: number } {
    if (!holds) {
      this.#since.delete(key);
      return { forMs: 0, times: 0 };
    }
    const now = this.#monotonicMs();
    const before = this.#since.get(key);
    const entry = { atMs: before?.atMs ?? now, times: (before?.times ?? 0) + 1 };
    this.#since.set(key, entry);
    return { forMs: now - entry.atMs, times: entry.times };
  }

  /** Remembers every member ever seen under this key; returns those that are not there now. */
  departed(key: string, present: readonly string[]): ReadonlySet<string> {
    const ever = this.#members.get(key) ?? new Set();
    this.#members.set(key, ever);
    for (const member of present) ever.add(member);
    return new Set([...ever].filter((member) => !present.includes(member)));
  }

  forget(prefix: string): void {
    for (const memory of [this.#since, this.#members]) {
      for (const key of memory.keys()) if (key.startsWith(prefix)) memory.delete(key);
    }
  }
}
