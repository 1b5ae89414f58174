// Which forwarder replicas may still send by what they last saw, although they do not renew their Lease (ADR 6): those that are cut off from
// the API server. While there is one, a queue that looks empty proves nothing. A Lease goes with its pod, so who is gone for good is not meant.
import type { Lease, LeaseObserver } from './kube/lease.ts';

/** How long a forwarder's Lease lasts. */
export const FORWARDER_LEASE_MS = 15_000;
/** Requests that were on their way when a replica had to stop have ended after so long. */
const IN_FLIGHT_MS = 60_000;

/** Names of replicas; `unknown`: it is too early to say. */
export type Suspects = { silent: string[]; unknown: string[] };

/** @param failStaticMs how long a replica goes on without the API server; after that its own bound has stopped it. */
export function suspectsAmong(leases: readonly Lease[], observer: LeaseObserver, failStaticMs: number): Suspects {
  const judged = leases.map((lease) => ({ lease, vitality: observer.judge(lease, FORWARDER_LEASE_MS) }));
  const isStopped = (lease: Lease): boolean => observer.sinceChangeMs(lease) >= failStaticMs + IN_FLIGHT_MS;
  const names = (wanted: typeof judged): string[] => wanted.map(({ lease }) => lease.metadata.name);
  return {
    silent: names(judged.filter(({ lease, vitality }) => vitality === 'silent' && !isStopped(lease))),
    unknown: names(judged.filter(({ vitality }) => vitality === 'unknown')),
  };
}

export function silentSentence({ silent }: Suspects, namespace: string, failStaticMs: number): string {
  const names = silent.join(' ');
  return `forwarder ${names} was not seen to go and may still send until ${failStaticMs / 60_000} minutes have passed; if its pod is surely gone, delete its Lease (kubectl -n ${namespace} delete lease ${names})`;
}
