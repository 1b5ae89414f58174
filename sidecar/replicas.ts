// Who lives among the forwarder replicas: each renews one Lease in the operator's namespace, all watch them. A Lease counts by its changes on
// our own monotonic clock, never by the times written in it. Also answers whether this replica may still act.
import { FORWARDER_LABEL } from '../api/constants.ts';
import { type Clock, pause } from '../common/clock.ts';
import { toSplitterError } from '../common/errors.ts';
import { FORWARDER_LEASE_MS, silentSentence, suspectsAmong } from '../common/forwarders.ts';
import { isNotFound } from '../common/kube/api-error.ts';
import { parseKey } from '../common/kube/keys.ts';
import { type Lease, LeaseObserver, microTime, type Vitality } from '../common/kube/lease.ts';
import type { Reflector } from '../common/kube/reflector.ts';
import { LEASES } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';
import type { Log } from '../common/log.ts';

export type ReplicasOptions = {
  client: Pick<KubeClient, 'create' | 'mergePatch' | 'delete'>;
  /** Follows the Leases with FORWARDER_LABEL in the operator's namespace. */
  leases: Pick<Reflector<Lease>, 'list' | 'onChange' | 'synced'>;
  namespace: string;
  /** Pod name: name of the Lease, and holder in the status of splits. */
  me: string;
  /** The Lease goes with the pod. */
  podUid: string | undefined;
  clock: Clock;
  log: Log;
  /** How long this replica goes on without an API server, and how long others reckon with one that is cut off. */
  failStaticMs: number;
};

const RENEW_MS = 5_000;

export class Replicas {
  readonly #options: ReplicasOptions;
  readonly #observer: LeaseObserver;
  readonly #callbacks = new Set<() => void>();
  #renewedAt = Number.NEGATIVE_INFINITY;
  #term = 0;
  #unreachableAt = Number.NEGATIVE_INFINITY;
  /** When our own Lease was last seen to change through the watch: proof that we would see others'. */
  #sawOwnChangeAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.#observer = new LeaseObserver(options.clock);
    options.leases.onChange(({ key, after }) => this.#saw(key, after));
  }

  /** Called whenever `alive` may have changed. */
  onChange(callback: () => void): void {
    this.#callbacks.add(callback);
  }

  /**
   * True while this replica may write to queues: its Lease is fresh, or the API server cannot be reached. Then the forwarder fails static:
   * an API server that is away must not stop anybody's messages, and while it is away for all, nobody can take over. Not for ever, so
   * that others know when a replica that is cut off has stopped (ADR 6). False after a pause of the whole process (SIGSTOP, a frozen
   * node) until the API server was asked.
   */
  mayAct(): boolean {
    const { clock, failStaticMs } = this.#options;
    const now = clock.monotonic();
    if (now - this.#renewedAt < FORWARDER_LEASE_MS) return true;
    return now - this.#unreachableAt < FORWARDER_LEASE_MS && now - this.#renewedAt < failStaticMs;
  }

  /** Grows when our Lease had run out before it was renewed: others may have taken what we hold, so it must be asked for anew. */
  get term(): number {
    return this.#term;
  }

  /**
   * A sentence when another replica may still send by routes of before: it does not renew and was not seen to go, or nobody can tell.
   * What looks empty meanwhile may be filled again. A Lease goes with its pod, so a replica that is gone for good is not meant.
   */
  othersMayWrite(): string | undefined {
    const { leases, me, namespace, failStaticMs } = this.#options;
    if (!leases.synced || !this.#canJudge())
      return 'the API server cannot be reached, so nobody knows whether another forwarder still sends';
    const others = leases.list().filter(({ metadata }) => metadata.name !== me);
    const suspects = suspectsAmong(others, this.#observer, failStaticMs);
    if (suspects.silent.length > 0) return silentSentence(suspects, namespace, failStaticMs);
    if (suspects.unknown.length === 0) return undefined;
    return `it is not known yet whether forwarder ${suspects.unknown.join(' ')} lives or still sends`;
  }

  /** Names of living replicas; undefined while we would not see whether others live: then nobody is declared dead. */
  alive(): Set<string> | undefined {
    const { leases, me } = this.#options;
    if (!leases.synced || !this.#canJudge()) return undefined;
    const living = leases.list().filter((lease) => this.#judge(lease) !== 'silent');
    return new Set([me, ...living.map((lease) => lease.metadata.name)]);
  }

  /** Renews until the signal aborts, and looks at the others as often. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#renew();
      this.#notify();
      await pause(this.#options.clock, RENEW_MS, signal);
    }
  }

  /** Lets others take over at once. Never rejects: the Lease runs out by itself. */
  async resign(): Promise<void> {
    const { client, namespace, me, log } = this.#options;
    await client.delete(LEASES, { namespace, name: me }).catch((error: unknown) => {
      log.warn({ err: error, lease: me }, 'cannot delete our lease; it runs out by itself');
    });
  }

  async #renew(): Promise<void> {
    const { client, clock, namespace, me, log } = this.#options;
    // Others count from a later moment than this.
    const sentAt = clock.monotonic();
    const spec = {
      holderIdentity: me,
      leaseDurationSeconds: FORWARDER_LEASE_MS / 1000,
      renewTime: microTime(clock.now()),
    };
    try {
      try {
        await client.mergePatch(LEASES, { namespace, name: me }, { spec });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        await client.create<Lease>(LEASES, this.#newLease(spec));
      }
      if (Number.isFinite(this.#renewedAt) && clock.monotonic() - this.#renewedAt >= FORWARDER_LEASE_MS)
        this.#term += 1;
      this.#renewedAt = sentAt;
    } catch (error) {
      const { code } = toSplitterError(error);
      if (code === 'ApiUnreachable') this.#unreachableAt = clock.monotonic();
      log.warn({ err: error, lease: me, code }, 'cannot renew our lease; trying again');
    }
  }

  #newLease(spec: Lease['spec']): Lease {
    const { namespace, me, podUid } = this.#options;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        namespace,
        name: me,
        labels: { [FORWARDER_LABEL]: 'true' },
        ...(podUid === undefined
          ? {}
          : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: me, uid: podUid }] }),
      },
      spec,
    };
  }

  #saw(key: string, lease: Lease | undefined): void {
    const { clock, namespace, me } = this.#options;
    const couldJudge = this.#canJudge();
    if (key === `${namespace}/${me}` && lease !== undefined) {
      // After a gap in which changes could not be seen, everybody gets the full time again.
      if (!couldJudge) this.#observer.reset();
      this.#sawOwnChangeAt = clock.monotonic();
    }
    if (lease === undefined) this.#observer.forget(parseKey(key));
    else this.#judge(lease);
    if (lease === undefined || couldJudge !== this.#canJudge()) this.#notify();
  }

  #judge(lease: Lease): Vitality {
    return this.#observer.judge(lease, FORWARDER_LEASE_MS);
  }

  /** Our own Lease changes so often; while we see that, we would see the others' changes too. */
  #canJudge(): boolean {
    return this.#options.clock.monotonic() - this.#sawOwnChangeAt < 2 * RENEW_MS + 1_000;
  }

  #notify(): void {
    for (const callback of this.#callbacks) callback();
  }
}
