// One stage of a decision: what to do at once, or what to wait for. The first stage with actions wins; a waiting stage lets later ones speak.
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import type { Action, Observed } from './observed.ts';
import type { Names } from './plan.ts';

export type Step = { actions: Action[]; waitingFor?: string; requeueAfterMs?: number } | undefined;

/** What every stage gets once a split exists. */
export type SplitContext = { observed: Observed; split: WorkloadSplit; names: Names };

export function act(...actions: Action[]): Step {
  return { actions };
}

/** Nothing to do now. Without `requeueAfterMs` only a change wakes us. */
export function wait(waitingFor: string, requeueAfterMs?: number): Step {
  return { actions: [], waitingFor, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) };
}

/** How often facts are looked at that nobody tells us about: pods of a restart, messages left at the broker. */
export const POLL_MS = 1000;
/** How often a running split is checked although every watch is quiet. */
export const RESYNC_MS = 5000;
