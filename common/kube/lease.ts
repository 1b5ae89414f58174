// Leases (coordination.k8s.io/v1), and the one way to judge them: by seeing them change on our own clock. The times written in them are
// for people; clocks of other machines are never compared with ours.
import type { ObjectMeta } from '../../api/kinds/common.ts';
import type { Clock } from '../clock.ts';
import { objectKey } from './keys.ts';

export type LeaseSpec = {
  /** Empty or absent: nobody holds it. */
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  /** MicroTime, see `microTime`. */
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
};

export type Lease = { apiVersion: 'coordination.k8s.io/v1'; kind: 'Lease'; metadata: ObjectMeta; spec: LeaseSpec };

/** Kubernetes' MicroTime: RFC 3339 with exactly six digits. */
export function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}

/** Remembers when each Lease was last seen to change. A Lease that is new to the observer gets its full time. */
export class LeaseObserver {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { version: string; changedAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Call it with every sight of the Lease. Returns milliseconds since a change was first seen. */
  sinceChangeMs(lease: Lease): number {
    const key = objectKey(lease.metadata);
    const { holderIdentity, renewTime, leaseTransitions } = lease.spec;
    const version = JSON.stringify([lease.metadata.uid, holderIdentity, renewTime, leaseTransitions]);
    const now = this.#clock.monotonic();
    const seen = this.#seen.get(key);
    if (seen?.version === version) return now - seen.changedAt;
    this.#seen.set(key, { version, changedAt: now });
    return 0;
  }

  /** Gives every Lease its full time again: after a pause in which changes could not be seen. */
  reset(): void {
    this.#seen.clear();
  }

  forget(lease: { name: string; namespace?: string }): void {
    this.#seen.delete(objectKey(lease));
  }
}
