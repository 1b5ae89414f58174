// Which sessions have stopped renewing their Lease. Judged by change on this process's own clock, never by the time written in the Lease (kubernetes-notes C12).
import type { SplitSession } from '../../api/kinds/split-session.ts';

type Seen = { version: string | undefined; atMs: number };

export class Heartbeats {
  readonly #seen = new Map<string, Seen>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** After a break of the watch nobody can be blamed: every session gets a full period again. */
  forgive(): void {
    this.#seen.clear();
  }

  /** Milliseconds until the session expires; Infinity when it promised no heartbeat. `leaseVersion`: the Lease's resourceVersion now. */
  remainingMs(session: SplitSession, leaseVersion: string | undefined): number {
    const { heartbeat } = session.spec;
    if (heartbeat === undefined) return Number.POSITIVE_INFINITY;
    const key = session.metadata.uid ?? '';
    const now = this.#monotonicMs();
    const seen = this.#seen.get(key);
    if (!seen || seen.version !== leaseVersion) this.#seen.set(key, { version: leaseVersion, atMs: now });
    const since = this.#seen.get(key)?.atMs ?? now;
    return heartbeat.timeoutSeconds * 1000 - (now - since);
  }

  forget(uid: string): void {
    this.#seen.delete(uid);
  }
}
