// Forwarders that may be cut off from the API server and go on sending by what they last saw (ADR 6). While there is one, a queue that looks
// empty proves nothing. A Lease goes with its pod, so who is gone for good is not meant.
import { FORWARDER_LABEL } from '../../api/constants.ts';
import type { Clock } from '../../common/clock.ts';
import { type Lease, LeaseObserver } from '../../common/kube/lease.ts';
import { LEASES } from '../../common/kube/resources.ts';
import type { ActContext } from '../act/context.ts';

const DURATION_SECONDS = 15;

export class SilentForwarders {
  readonly #clock: Clock;
  readonly #observer: LeaseObserver;
  #firstLookAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#observer = new LeaseObserver(clock);
  }

  /** Whether we have looked for long enough to know who is silent. */
  get knows(): boolean {
    return this.#clock.monotonic() - (this.#firstLookAt ?? Number.POSITIVE_INFINITY) >= DURATION_SECONDS * 1000;
  }

  /** Resolves to a sentence while there is one. */
  async look({ client, operatorNamespace }: ActContext): Promise<string | undefined> {
    const options = { namespace: operatorNamespace, labelSelector: FORWARDER_LABEL };
    const { items } = await client.list<Lease>(LEASES, options);
    const silent = items.filter((lease) => {
      const { leaseDurationSeconds = DURATION_SECONDS } = lease.spec;
      return this.#observer.sinceChangeMs(lease) >= leaseDurationSeconds * 1000;
    });
    this.#firstLookAt ??= this.#clock.monotonic();
    if (silent.length === 0) return undefined;
    const names = silent.map(({ metadata }) => metadata.name).join(' ');
    return `forwarder ${names} was not seen to go and may still send; if its pod is surely gone, delete its Lease (kubectl -n ${operatorNamespace} delete lease ${names})`;
  }
}
