// Forwarders that may be cut off from the API server and go on sending by what they last saw (ADR 6). While there is one, a queue that looks
// empty proves nothing. A Lease goes with its pod, so who is gone for good is not meant.
import { FORWARDER_LABEL } from '../../api/constants.ts';
import type { Clock } from '../../common/clock.ts';
import { type Lease, LeaseObserver } from '../../common/kube/lease.ts';
import { LEASES } from '../../common/kube/resources.ts';
import type { ActContext } from '../act/context.ts';

const DEFAULT_DURATION_MS = 15_000;

export class SilentForwarders {
  readonly #observer: LeaseObserver;
  #knows = false;

  constructor(clock: Clock) {
    this.#observer = new LeaseObserver(clock);
  }

  /** Whether each was seen to renew, or to be silent, for long enough. */
  get knows(): boolean {
    return this.#knows;
  }

  /** Resolves to a sentence while one is silent. */
  async look({ client, operatorNamespace }: ActContext): Promise<string | undefined> {
    const options = { namespace: operatorNamespace, labelSelector: FORWARDER_LABEL };
    const { items } = await client.list<Lease>(LEASES, options);
    const judged = items.map((lease) => ({ lease, vitality: this.#observer.judge(lease, DEFAULT_DURATION_MS) }));
    this.#knows = judged.every(({ vitality }) => vitality !== 'unknown');
    const silent = judged.filter(({ vitality }) => vitality === 'silent');
    if (silent.length === 0) return undefined;
    const names = silent.map(({ lease }) => lease.metadata.name).join(' ');
    return `forwarder ${names} was not seen to go and may still send; if its pod is surely gone, delete its Lease (kubectl -n ${operatorNamespace} delete lease ${names})`;
  }
}
