// Which of the things that were found belong to no split any more: pure. What is found is listed first and the splits afterwards, for whatever is
// made is in a ledger before.
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { FORWARDER_LEASE_MS } from '../../common/forwarders.ts';
import type { Lease } from '../../common/kube/lease.ts';
import type { FoundQueue } from '../brokers/sqs/orphans.ts';
import type { Memory } from './memory.ts';

export type Found = { memories: readonly Memory[]; claims: readonly Lease[]; queues: readonly FoundQueue[] };

export type Orphan = { key: string } & (
  | { kind: 'Split'; memory: Memory }
  | { kind: 'SqsQueue'; queue: FoundQueue }
  | { kind: 'Claim'; claim: Lease }
);

/** A copied object owns nothing, but what it names is not touched while it is there: somebody has to look at it first. */
export function orphansAmong({ memories, claims, queues }: Found, splits: readonly WorkloadSplit[]): Orphan[] {
  const living = new Set(splits.map(({ metadata }) => metadata.uid));
  const remembered = new Set(memories.map(({ split }) => split.uid));
  const named = new Set(
    [...splits.flatMap(({ spec }) => spec.resources), ...memories.flatMap((one) => one.resources)].map(
      ({ name }) => name,
    ),
  );
  return [
    ...memories
      .filter(({ split }) => !living.has(split.uid))
      .map((memory): Orphan => ({ key: `split ${memory.split.uid}`, kind: 'Split', memory })),
    ...queues
      .filter(({ name }) => !named.has(name))
      .map((queue): Orphan => ({ key: `queue ${queue.url}`, kind: 'SqsQueue', queue })),
    // A split that is remembered lets go of its claims when nothing else of it is left.
    ...claims
      .filter(({ spec: { holderIdentity = '' } }) => !living.has(holderIdentity) && !remembered.has(holderIdentity))
      .map((claim): Orphan => ({ key: `claim ${claim.metadata.uid}`, kind: 'Claim', claim })),
  ];
}

/** Nobody has to notice a mistake in what was given up on purpose; but forwarders must have had time to stop. */
const HANDED_OVER_MS = 30_000;
/** A forwarder that was cut off before the split was lost, and does not know of it, has been silent for the life of a Lease by then. */
const UNTIL_SILENCE_SHOWS_MS = FORWARDER_LEASE_MS + 5_000;

/** Remembers since when each was seen without an owner, on one clock. */
export class Patience {
  readonly #graceMs: number;
  #since = new Map<string, number>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Those whose time has come. Who is not among them now begins anew next time. */
  due(orphans: readonly Orphan[], nowMs: number): Orphan[] {
    this.#since = new Map(orphans.map(({ key }) => [key, this.#since.get(key) ?? nowMs]));
    return orphans.filter((orphan) => {
      const graceMs = isHandedOver(orphan) ? Math.min(HANDED_OVER_MS, this.#graceMs) : this.#graceMs;
      const leastMs = mayBeFilled(orphan) ? UNTIL_SILENCE_SHOWS_MS : 0;
      return nowMs - (this.#since.get(orphan.key) ?? nowMs) >= Math.max(graceMs, leastMs);
    });
  }
}

function isHandedOver(orphan: Orphan): boolean {
  return orphan.kind === 'Split' && orphan.memory.handedOver;
}

/** What may still be sent to, because a forwarder that is cut off has no fence on SQS. */
export function mayBeFilled(orphan: Orphan): boolean {
  return orphan.kind === 'Split' ? orphan.memory.queues.some(({ kind }) => kind === 'SQS') : orphan.kind === 'SqsQueue';
}
