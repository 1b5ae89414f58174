// The sweep's view of forwarders that may be cut off from the API server and go on sending: while there is one, nothing is collected into
// which it may send.
import { FORWARDER_LABEL } from '../../api/constants.ts';
import type { Clock } from '../../common/clock.ts';
import { type Suspects, silentSentence, suspectsAmong } from '../../common/forwarders.ts';
import { type Lease, LeaseObserver } from '../../common/kube/lease.ts';
import { LEASES } from '../../common/kube/resources.ts';
import type { ActContext } from '../act/context.ts';

export class SilentForwarders {
  readonly #observer: LeaseObserver;
  readonly #failStaticMs: number;
  #suspects: Suspects = { silent: [], unknown: ['all'] };

  constructor(clock: Clock, failStaticMs: number) {
    this.#observer = new LeaseObserver(clock);
    this.#failStaticMs = failStaticMs;
  }

  /** Whether each was seen to renew, or to be silent, for long enough. */
  get knows(): boolean {
    return this.#suspects.unknown.length === 0;
  }

  /** Resolves to a sentence while one may still send. */
  async look({ client, operatorNamespace: namespace }: ActContext): Promise<string | undefined> {
    const { items } = await client.list<Lease>(LEASES, { namespace, labelSelector: FORWARDER_LABEL });
    this.#suspects = suspectsAmong(items, this.#observer, this.#failStaticMs);
    if (this.#suspects.silent.length === 0) return undefined;
    return silentSentence(this.#suspects, namespace, this.#failStaticMs);
  }
}
