// The contract for what is left of a split that is gone: give back what nobody has read, then delete. No message is ever dropped: what
// cannot be given back is kept, with a sentence that says why.
import type { LedgerEntry, SplitQueue } from '../../api/kinds/workload-split.ts';

/** One queue of a split that does not exist any more. */
export type Remains = {
  queue: SplitQueue;
  /** Its temporary queues, topics and groups; some of them may never have been made, others be gone already. */
  entries: readonly LedgerEntry[];
  owner: { clusterUid: string; splitUid: string };
  /** Another split of the same original lives. */
  isSplitAgain: boolean;
};

/** Resolves to why something was kept; empty: nothing is left. Safe to repeat. Rejects only when the signal was aborted. */
export type Collector = (remains: Remains, signal: AbortSignal) => Promise<string[]>;
