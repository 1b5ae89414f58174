// What a lane knows of one partition of the original. A record of facts with the few questions that are asked of it.

/** Where forwarding of a partition begins, and what the group has committed, which is the same unless it never did. */
export type Beginning = { begin: bigint; committed: bigint | undefined };

export class SourcePartition {
  readonly partition: number;
  /** The next offset to read. Ahead of `committed` while a transaction is under way, and over markers that nobody needs committed. */
  position: bigint;
  /** What the application's group has, by our own last commit; undefined: it never committed this partition. */
  committed: bigint | undefined;
  /** What the commit under way will make of it, if it succeeds. */
  attempted: bigint | undefined;
  /** Epoch of the last batch read; −1 = none yet. */
  lastFetchedEpoch = -1;
  lastStableOffset = 0n;
  highWatermark = 0n;
  /** Clock time until which it is left out because its destination failed, and how long the next such pause will be. */
  blockedUntil = 0;
  nextBlockMs = 0;
  readonly #begin: bigint;
  readonly #holders = new Set<string>();

  constructor(partition: number, { begin, committed }: Beginning) {
    this.partition = partition;
    this.#begin = begin;
    this.position = begin;
    this.committed = committed;
    this.attempted = committed;
  }

  /** Not read from until every holder has let go. */
  hold(holder: string): void {
    this.#holders.add(holder);
  }

  release(holder: string): void {
    this.#holders.delete(holder);
  }

  get isHeld(): boolean {
    return this.#holders.size > 0;
  }

  isActive(now: number): boolean {
    return !this.isHeld && this.blockedUntil <= now;
  }

  block(now: number, baseMs: number, maxMs: number): void {
    const pauseMs = Math.max(this.nextBlockMs, baseMs);
    this.blockedUntil = now + pauseMs;
    this.nextBlockMs = Math.min(pauseMs * 2, maxMs);
  }

  /** Nothing keeps it from going on: the next failure is a first one. */
  succeeded(): void {
    this.nextBlockMs = 0;
  }

  /** Back to what the group has. */
  rewind(committed: bigint | undefined): void {
    this.committed = committed;
    this.attempted = committed;
    this.position = committed ?? this.#begin;
    this.lastFetchedEpoch = -1;
  }
}
