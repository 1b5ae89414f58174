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

/** `unknown`: new to the observer, and neither renewed nor run out since; whoever held it may have stopped renewing long ago. */
export type Vitality = 'renewed' | 'unknown' | 'silent';

type Sight = { version: string; changedAt: number; isFirst: boolean };

/** Remembers when each Lease was last seen to change. A Lease that is new to the observer gets its full time. */
export class LeaseObserver {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Sight>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Call it with every sight of the Lease. Returns milliseconds since a change was first seen. */
  sinceChangeMs(lease: Lease): number {
    return this.#clock.monotonic() - this.#look(lease).changedAt;
  }

  /** Call it with every sight of the Lease. `fallbackMs`: how long a Lease lasts that does not say it. */
  judge(lease: Lease, fallbackMs: number): Vitality {
    const { leaseDurationSeconds } = lease.spec;
    const durationMs = leaseDurationSeconds === undefined ? fallbackMs : leaseDurationSeconds * 1000;
    const { changedAt, isFirst } = this.#look(lease);
    if (this.#clock.monotonic() - changedAt >= durationMs) return 'silent';
    return isFirst ? 'unknown' : 'renewed';
  }

  #look(lease: Lease): Sight {
    const key = objectKey(lease.metadata);
    const { holderIdentity, renewTime, leaseTransitions } = lease.spec;
    const version = JSON.stringify([lease.metadata.uid, holderIdentity, renewTime, leaseTransitions]);
    const seen = this.#seen.get(key);
    if (seen?.version === version) return seen;
    const sight = { version, changedAt: this.#clock.monotonic(), isFirst: seen === undefined };
    this.#seen.set(key, sight);
    return sight;
  }

  /** Gives every Lease its full time again: after a pause in which changes could not be seen. */
  reset(): void {
    this.#seen.clear();
  }

  forget(lease: { name: string; namespace?: string }): void {
    this.#seen.delete(objectKey(lease));
  }
}
