// Which forwarder replica forwards which split. Pure. The holder is written in the split's status, so the API server decides every race; a
// Lease for each replica says who lives. Not fencing: two replicas may overlap for a moment, which SQS bears (a message at most comes
// twice) and Kafka's transactional ids prevent.
import { shortHash } from '../common/naming/hash.ts';

export type OwnershipFacts = {
  me: string;
  splitUid: string;
  /** `status.forwarder.holder`. */
  holder: string | undefined;
  /** This process forwards the split now. */
  isRunning: boolean;
  /** Living replicas, this one included, and how many splits each holds; undefined while that cannot be judged. */
  replicas: ReadonlyMap<string, number> | undefined;
  /** Milliseconds for which this process has seen the split without a living holder. */
  ownerlessForMs: number;
  /** How much longer each further replica in the order of preference waits. */
  stepMs: number;
};

export type OwnershipDecision =
  /** Forward it, as before. */
  | { type: 'Keep' }
  /** Write ourselves as holder, then forward it from a fresh start. */
  | { type: 'Take' }
  /** Stop at once: the API says that it is another's. */
  | { type: 'Leave' }
  /** Another replica comes first; look again after so long. */
  | { type: 'Wait'; ms: number }
  | { type: 'Ignore' };

export function decideOwnership(facts: OwnershipFacts): OwnershipDecision {
  const { me, holder, isRunning, replicas, ownerlessForMs, stepMs } = facts;
  if (holder === me) return isRunning ? { type: 'Keep' } : { type: 'Take' };
  if (isRunning) return holder === undefined ? { type: 'Take' } : { type: 'Leave' };
  if (replicas === undefined) return { type: 'Ignore' };
  if (holder !== undefined && replicas.has(holder)) return { type: 'Ignore' };
  const waitMs = preference(facts.splitUid, replicas).indexOf(me) * stepMs - ownerlessForMs;
  if (waitMs > 0) return { type: 'Wait', ms: waitMs };
  return replicas.has(me) ? { type: 'Take' } : { type: 'Ignore' };
}

/** Least loaded first; equal ones in an order that differs from split to split and that every replica computes alike (rendezvous hashing). */
export function preference(splitUid: string, replicas: ReadonlyMap<string, number>): string[] {
  return [...replicas]
    .map(([name, load]) => ({ name, load, rank: shortHash(`${splitUid} ${name}`, 16) }))
    .toSorted((one, other) => one.load - other.load || (one.rank < other.rank ? -1 : 1))
    .map(({ name }) => name);
}
