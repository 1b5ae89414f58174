// The machine that a replica's process runs on, as far as it can fail: it stands still (SIGSTOP) and goes on, it dies, it is cut off from the
// API server, its requests take long to arrive. A process that stands still finds all that came meanwhile when it goes on.
import type { Clock } from '../../../../../common/clock.ts';
import { SplitterError } from '../../../../../common/errors.ts';
import type { FakeClock } from '../../../common/fake-clock.ts';

export class Machine {
  readonly clock: Clock;
  readonly #time: FakeClock;
  #parked: (() => void)[] = [];
  #sends = 0;
  isFrozen = false;
  isDead = false;
  isCutOff = false;
  /** How long a send is under way at most before the broker has it; others take less. */
  sendMs = 0;
  /** How long a request to the API server is under way. */
  apiMs = 0;
  /** Watches deliver nothing before. */
  watchesFrom = 0;

  constructor(time: FakeClock) {
    this.#time = time;
    this.clock = {
      now: () => time.now(),
      monotonic: () => time.monotonic(),
      after: (ms, callback) => this.#after(ms, callback),
    };
  }

  get hearsWatches(): boolean {
    return !this.isDead && !this.isFrozen && !this.isCutOff && this.#time.monotonic() >= this.watchesFrom;
  }

  /** Going on after a pause or back in touch: watches have to be opened anew, and the old view lives on until then. */
  delayWatches(ms: number): void {
    this.watchesFrom = this.#time.monotonic() + ms;
  }

  /** What came last may be looked at first. */
  thaw(lastFirst: boolean): void {
    this.isFrozen = false;
    const parked = this.#parked.splice(0);
    if (lastFirst) parked.reverse();
    for (const goOn of parked) goOn();
  }

  async api<T>(work: () => T): Promise<T> {
    try {
      if (this.apiMs > 0) await this.#travel(this.apiMs);
      if (this.isCutOff) throw new SplitterError('ApiUnreachable', 'cut off', { retryable: true });
      return work();
    } finally {
      await this.#running();
    }
  }

  async sqs<T extends object>(action: string, isReady: () => boolean, waitSeconds: number, work: () => T): Promise<T> {
    try {
      if (action === 'SendMessageBatch' && this.sendMs > 0) await this.#travel(this.#nextSendMs());
      for (let second = 0; second < waitSeconds && !isReady(); second += 1) await this.#travel(1000);
      return work();
    } finally {
      await this.#running();
    }
  }

  #nextSendMs(): number {
    this.#sends += 1;
    return (this.sendMs * (1 + (this.#sends % 4))) / 4;
  }

  /** Out in the network: whatever becomes of the process. */
  #travel(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#time.after(ms, resolve);
    });
  }

  /** Settles when the process runs; never, when it is dead. */
  #running(): Promise<void> {
    return new Promise((resolve) => this.#whenRunning(resolve));
  }

  #whenRunning(callback: () => void): void {
    if (this.isDead) return;
    if (this.isFrozen) this.#parked.push(() => this.#whenRunning(callback));
    else callback();
  }

  #after(ms: number, callback: () => void): () => void {
    let isCancelled = false;
    const cancel = this.#time.after(ms, () =>
      this.#whenRunning(() => {
        if (!isCancelled) callback();
      }),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  }
}
