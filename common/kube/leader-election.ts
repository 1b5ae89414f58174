// One leader among replicas, by a Lease: 15 s duration, 10 s renew deadline, 2 s retry (client-go's habit). Judged by change on our own
// monotonic clock. It is not fencing: a paused leader may still act for a moment, so whatever the leader does must bear two of them.
import { type Clock, pause, systemClock, untilAborted } from '../clock.ts';
import { SplitterError } from '../errors.ts';
import type { Log } from '../log.ts';
import { kubeMetrics } from '../metrics/kube.ts';
import { isLostRace } from './api-error.ts';
import { type Lease, LeaseObserver, microTime } from './lease.ts';
import { LEASES } from './resources.ts';
import type { KubeClient } from './types.ts';

export type LeaderElectionOptions = {
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  namespace: string;
  /** Name of the Lease. */
  name: string;
  /** Unique per process start, for example pod name and random digits. */
  identity: string;
  /**
   * The leader's work. The signal aborts when leadership is lost or shut down; the promise must settle when the work has really stopped,
   * for only then is the Lease released or asked for again. Ending without an abort releases the Lease and ends `run` likewise.
   */
  onStartedLeading: (signal: AbortSignal) => Promise<void>;
  /** After the work has stopped, however it came to that. */
  onStoppedLeading?: () => void;
  log: Log;
  clock?: Clock;
  random?: () => number;
  leaseDurationMs?: number;
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
};

export class LeaderElector {
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #observer: LeaseObserver;
  /** Our own Lease as last written; undefined while we do not hold it. */
  #held: Lease | undefined;
  /** When the request that last renewed it was *sent*: others count from a later moment. */
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    this.#observer = new LeaseObserver(this.#clock);
  }

  /** True while nobody else can hold the Lease yet. To be asked right before a write that matters. */
  isLeading(): boolean {
    return this.#held !== undefined && this.#leftMs() > 0;
  }

  /** Asks for the Lease, leads, asks again after losing it, until the signal aborts. Rejects only with what the leader's work threw. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#tryAcquire()) {
        const reason = await this.#lead(signal);
        if (reason === 'finished') return;
      } else {
        await pause(this.#clock, this.#retryPeriodMs * (1 + 0.2 * this.#random()), signal);
      }
    }
  }

  /** Works and renews side by side until one of them ends, then stops the work and waits for it while it goes on renewing. */
  async #lead(shutdown: AbortSignal): Promise<'lost' | 'finished'> {
    const { log, name, identity, onStartedLeading, onStoppedLeading } = this.#options;
    log.info({ lease: name, identity }, 'leading');
    kubeMetrics.leader.set({ lease: name }, 1);
    const stop = new AbortController();
    const onShutdown = () => stop.abort(shutdown.reason);
    shutdown.addEventListener('abort', onShutdown, { once: true });
    const workEnded = new AbortController();
    const renewing = this.#renewUntil(workEnded.signal, () => stop.abort(lostLease(name)));
    try {
      if (shutdown.aborted) onShutdown();
      await onStartedLeading(stop.signal);
      return shutdown.aborted || !stop.signal.aborted ? 'finished' : 'lost';
    } finally {
      workEnded.abort();
      await renewing;
      shutdown.removeEventListener('abort', onShutdown);
      await this.#release();
      kubeMetrics.leader.set({ lease: name }, 0);
      log.info({ lease: name, identity }, 'not leading any more');
      onStoppedLeading?.();
    }
  }

  /** Renews every retry period until `done`. A timer of its own, not the requests' fate, tells that the deadline has passed. */
  async #renewUntil(done: AbortSignal, onLost: () => void): Promise<void> {
    const lost = new AbortController();
    const lose = () => {
      if (this.#leftMs() > 0) {
        cancel = this.#clock.after(this.#leftMs(), lose);
        return;
      }
      this.#held = undefined;
      lost.abort();
      onLost();
    };
    let cancel = this.#clock.after(this.#leftMs(), lose);
    const end = AbortSignal.any([done, lost.signal]);
    while (!end.aborted) {
      await pause(this.#clock, this.#retryPeriodMs, end);
      if (end.aborted) break;
      // Also at the end a renewal is waited for: the release would run into it.
      await Promise.race([this.#renew(), untilAborted(lost.signal)]);
      // Somebody else holds it, or may at any moment: no need to wait for the deadline.
      if (!lost.signal.aborted && this.#held === undefined) {
        lost.abort();
        onLost();
      }
    }
    cancel();
  }

  #leftMs(): number {
    return this.#renewedAt + this.#renewDeadlineMs - this.#clock.monotonic();
  }

  /** Never rejects: a failure is logged and the next try comes after the retry period. */
  async #tryAcquire(): Promise<boolean> {
    const { client, namespace, name, log } = this.#options;
    const sentAt = this.#clock.monotonic();
    try {
      const current = await client.get<Lease>(LEASES, { namespace, name });
      if (current && !this.#isFree(current)) return false;
      const now = microTime(this.#clock.now());
      const lease: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: current?.metadata ?? { namespace, name },
        spec: {
          ...this.#claim(),
          acquireTime: now,
          leaseTransitions: current ? (current.spec.leaseTransitions ?? 0) + 1 : 0,
        },
      };
      this.#held = current ? await client.replace(LEASES, lease) : await client.create(LEASES, lease);
      this.#renewedAt = sentAt;
      return true;
    } catch (error) {
      if (isLostRace(error)) log.debug({ lease: name }, 'another replica was faster');
      else log.warn({ err: error, lease: name }, 'cannot ask for the lease; trying again');
      return false;
    }
  }

  /** Never rejects. After a lost race it looks who holds the Lease: `#held` is undefined afterwards when it is somebody else, or nobody. */
  async #renew(): Promise<void> {
    const { client, namespace, name, identity, log } = this.#options;
    const held = this.#held;
    if (!held) return;
    const sentAt = this.#clock.monotonic();
    try {
      const renewed = await client.replace(LEASES, { ...held, spec: { ...held.spec, ...this.#claim() } });
      this.#keep(held, renewed, sentAt);
    } catch (error) {
      log.warn({ err: error, lease: name }, 'cannot renew the lease; trying again');
      if (!isLostRace(error)) return;
      const current = await client.get<Lease>(LEASES, { namespace, name }).catch(() => held);
      // Ours after all: an answer got lost, or somebody touched its metadata. The next renewal starts from what is there.
      this.#keep(held, current?.spec.holderIdentity === identity ? current : undefined, this.#renewedAt);
    }
  }

  /** Ignores answers that come after leadership was lost in between. */
  #keep(before: Lease, lease: Lease | undefined, renewedAt: number): void {
    if (this.#held !== before) return;
    this.#held = lease;
    this.#renewedAt = renewedAt;
  }

  /** Lets another replica take over at once. Never rejects: the Lease runs out by itself. */
  async #release(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (!held) return;
    const spec = { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(this.#clock.now()) };
    try {
      await this.#options.client.replace(LEASES, { ...held, spec });
    } catch (error) {
      this.#options.log.warn(
        { err: error, lease: this.#options.name },
        'cannot release the lease; it runs out by itself',
      );
    }
  }

  #isFree(lease: Lease): boolean {
    const durationMs = (lease.spec.leaseDurationSeconds ?? this.#leaseDurationMs / 1000) * 1000;
    const unchangedMs = this.#observer.sinceChangeMs(lease);
    return (
      !lease.spec.holderIdentity || lease.spec.holderIdentity === this.#options.identity || unchangedMs >= durationMs
    );
  }

  #claim() {
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      renewTime: microTime(this.#clock.now()),
    };
  }
}

function lostLease(name: string): SplitterError {
  return new SplitterError(
    'Conflict',
    `The lease ${name} could not be renewed in time; another replica may lead now.`,
    {
      retryable: true,
    },
  );
}
