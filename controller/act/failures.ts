// What could not be done, remembered until it was: one thing that fails stops nothing else, is tried again later and later, and can be
// explained. In memory only: after a restart everything is simply tried again. Times are told as durations: the wall clock may be set meanwhile.
import { toSplitterError } from '../../common/errors.ts';
import { isLostRace } from '../../common/kube/api-error.ts';
import type { Log } from '../../common/log.ts';
import type { Failure, Problem } from '../decide/observed.ts';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15_000;
/** A permission or a quota does not change by asking often; but it may be changed. */
const RETRY_FINAL_MS = 60_000;

type Noted = Problem & { since: number; retryAt: number; times: number };

export class Failures {
  readonly #bySplit = new Map<string, Map<string, Noted>>();
  readonly #monotonicMs: () => number;
  readonly #log: Log;

  constructor(monotonicMs: () => number, log: Log) {
    this.#monotonicMs = monotonicMs;
    this.#log = log;
  }

  /** What the call resolves to; undefined when it failed, which is noted. */
  async attempt<T>(splitUid: string, subject: string, call: () => Promise<T>): Promise<T | undefined> {
    try {
      const outcome = await call();
      const before = this.#bySplit.get(splitUid)?.get(subject);
      if (before && before.code !== 'Conflict')
        this.#log.info({ split: splitUid, subject, failures: before.times }, 'works again');
      this.clear(splitUid, subject);
      return outcome;
    } catch (thrown) {
      this.note(splitUid, subject, thrown);
      return undefined;
    }
  }

  /** `subject` is unique in the split, as `Observed.failures` says. */
  note(splitUid: string, subject: string, thrown: unknown): void {
    const { code, message, retryable } = toSplitterError(thrown);
    const now = this.#monotonicMs();
    const before = this.#bySplit.get(splitUid)?.get(subject);
    const times = (before?.times ?? 0) + 1;
    const delayMs = retryable ? Math.min(FIRST_RETRY_MS * 2 ** (times - 1), LONGEST_RETRY_MS) : RETRY_FINAL_MS;
    const failure = { code, message, retryable, since: before?.since ?? now, retryAt: now + delayMs, times };
    const ofSplit = this.#bySplit.get(splitUid) ?? new Map<string, Noted>();
    this.#bySplit.set(splitUid, ofSplit.set(subject, failure));
    const facts = { split: splitUid, subject, code, retryInMs: delayMs };
    if (isLostRace(thrown)) this.#log.debug({ ...facts, why: message }, 'somebody else was faster; tried again');
    else if (before?.message === message) this.#log.debug({ ...facts, why: message }, 'failed again');
    else this.#log.warn({ ...facts, err: thrown }, 'failed and is tried again until it works');
  }

  clear(splitUid: string, subject: string): void {
    this.#bySplit.get(splitUid)?.delete(subject);
  }

  /** As it is at this moment: durations do not go on by themselves. */
  of(splitUid: string): ReadonlyMap<string, Failure> {
    const now = this.#monotonicMs();
    const noted = [...(this.#bySplit.get(splitUid) ?? [])];
    return new Map(
      noted.map(([subject, { since, retryAt, times: _, ...problem }]) => [
        subject,
        { ...problem, forMs: now - since, retryInMs: retryAt - now },
      ]),
    );
  }

  forget(splitUid: string): void {
    this.#bySplit.delete(splitUid);
  }
}
