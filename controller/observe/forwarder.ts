// Whether the forwarder replica that holds a split is alive. For what people are told only: nothing is decided from it.
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import type { Clock } from '../../common/clock.ts';
import { FORWARDER_LEASE_MS } from '../../common/forwarders.ts';
import { type Lease, LeaseObserver } from '../../common/kube/lease.ts';
import { LEASES } from '../../common/kube/resources.ts';
import type { KubeClient, ObjectName } from '../../common/kube/types.ts';
import type { Steady } from './steady.ts';

/** A rolling update leaves a split without holder for a moment; that is no news. */
const GRACE_MS = 10_000;

export type ForwarderLeases = {
  client: Pick<KubeClient, 'get'>;
  /** From the cache. */
  lease: (name: ObjectName) => Lease | undefined;
  namespace: string;
  steady: Steady;
  clock: Clock;
};

/** True when the holder's Lease has not been renewed, or when there is none, for long enough to say so. */
export function createForwarderWatch({ client, lease: cached, namespace, steady, clock }: ForwarderLeases) {
  const observer = new LeaseObserver(clock);
  const isSilent = (lease: Lease | undefined): boolean => {
    return lease === undefined || observer.judge(lease, FORWARDER_LEASE_MS) === 'silent';
  };
  return async ({ metadata, status }: WorkloadSplit): Promise<boolean> => {
    const holder = status?.forwarder?.holder;
    if (holder === undefined) return false;
    const name = { name: holder, namespace };
    // The cache may lag behind: nobody is called dead before the Lease itself was read.
    const isAway = isSilent(cached(name)) && isSilent(await client.get<Lease>(LEASES, name));
    return steady.note(`${metadata.uid} forwarder away`, isAway).forMs >= GRACE_MS;
  };
}
