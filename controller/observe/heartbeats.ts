// Which sessions have stopped renewing their Lease. Judged by change on this process's own clock, never by the time written in the Lease (kubernetes-notes C12).
import type { SplitSession } from '../../api/kinds/split-session.ts';

type Seen = { version: string | undefined; changedAt: number; lookedAt: number };

/** Looks must not be further apart: who did not look, because the API server was away or this process slept, cannot blame anybody. */
const LONGEST_GAP_MS = 15_000;
/** How often to look while a session promised heartbeats. */
const LOOK_EVERY_MS = 5_000;

export class Heartbeats {
  readonly #seen = new Map<string, Seen>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /**
   * Milliseconds until the session expires; Infinity when it promised no heartbeat. `leaseVersion`: the Lease's resourceVersion now; that none
   * is seen is no sign of life. A session that is new to us, or that we have not looked at for too long, gets its full time.
   */
  remainingMs(session: SplitSession, leaseVersion: string | undefined): number {
    const { heartbeat } = session.spec;
    if (heartbeat === undefined) return Number.POSITIVE_INFINITY;
    const key = session.metadata.uid ?? '';
    const now = this.#monotonicMs();
    const seen = this.#seen.get(key);
    const version = leaseVersion ?? seen?.version;
    const isFresh = !seen || seen.version !== version || now - seen.lookedAt > LONGEST_GAP_MS;
    const changedAt = isFresh ? now : seen.changedAt;
    this.#seen.set(key, { version, changedAt, lookedAt: now });
    return heartbeat.timeoutSeconds * 1000 - (now - changedAt);
  }

  /** When to look at these sessions again; undefined when none of them can expire. */
  nextLookMs(sessions: readonly SplitSession[]): number | undefined {
    const beating = sessions.filter(
      ({ metadata, spec }) => spec.heartbeat !== undefined && metadata.deletionTimestamp === undefined,
    );
    const now = this.#monotonicMs();
    const remaining = beating.map(({ metadata, spec }) => {
      const changedAt = this.#seen.get(metadata.uid ?? '')?.changedAt ?? now;
      return (spec.heartbeat?.timeoutSeconds ?? 0) * 1000 - (now - changedAt);
    });
    return beating.length === 0 ? undefined : Math.min(LOOK_EVERY_MS, ...remaining.map((ms) => Math.max(ms, 1)));
  }

  forget(uid: string): void {
    this.#seen.delete(uid);
  }
}
