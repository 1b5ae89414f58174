// The target or its namespace is gone, or its pods cannot be patched any more: a path of its own, with no restart and no drain. What is left
// moves back to the originals (SQS), or the group does (Kafka); what a namespace cannot wait for is handed over (kubernetes-notes C16, C20).
import { PATCHING_PHASES, type WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import type { Action, Observed, Problem } from '../observed.ts';
import { wanting } from '../sessions.ts';
import { inPhase, isAcknowledged, mapQueues, reports, toldQueues } from '../spec.ts';
import { act, POLL_MS, type SplitContext, type Step, wait } from '../step.ts';
import { remainingText } from './end.ts';
import { registration, unpatch, waitForSecondLook } from './pods.ts';

/** Sessions end and nothing is forwarded any more. Another target of the same name is not this one. */
export function noticeLoss({ observed, split }: SplitContext): Step {
  const { phase, target } = split.spec;
  if (phase === 'Abandoned' || phase === 'Cleaning') return undefined;
  const gone = observed.target === undefined || observed.target.uid !== target.uid || observed.namespace.terminating;
  const missing = missingContainer(observed, split);
  if (!gone && missing === undefined) return undefined;
  const title = `${target.kind} ${target.name}`;
  const what: Pick<Problem, 'code' | 'message'> = gone
    ? { code: 'TargetNotFound', message: `${title} was deleted` }
    : { code: 'SessionLost', message: `${title} has no container ${missing} any more, which read a split queue` };
  const message = `${what.message}; messages that were left go back to the original queues`;
  const problem: Problem = { code: what.code, retryable: false, message };
  const sessions = wanting(observed).map(({ session }): Action => ({ type: 'FailSession', session, problem }));
  const told = toldQueues(split.spec);
  const back = mapQueues(split.spec, (queue) => (told.includes(queue) ? { ...queue, forwarding: 'Return' } : queue));
  const spec = inPhase(back, 'Abandoned', observed.now);
  const why = gone ? 'target or namespace is gone' : message;
  return act(...sessions, { type: 'WriteSpec', split, spec, why });
}

/** The webhook leaves pods of such a template alone: each would be evicted, and the next one, too, and none would ever drain. */
function missingContainer({ target }: Observed, { spec }: WorkloadSplit): string | undefined {
  if (target === undefined || !PATCHING_PHASES.has(spec.phase)) return undefined;
  return spec.environment.find(({ container }) => !target.containers.includes(container))?.container;
}

/** A namespace must not hang on a broker that stays away: what is left is remembered elsewhere, and collected when the broker answers. */
export function handOver({ observed, split }: SplitContext): Step {
  const limit = observed.settings.cleanupDeadlineSeconds;
  const isLeaving = observed.namespace.terminating && split.metadata.deletionTimestamp !== undefined;
  if (!isLeaving || limit === undefined) return undefined;
  const isLate = observed.leavingForMs >= limit * 1000;
  // The webhook entry is the API server's matter: it goes first.
  if (!isLate || observed.webhook.registered || split.spec.resources.length === 0) return undefined;
  return act({ type: 'HandOver', split });
}

/**
 * The target is there, or one of its name came, perhaps while our entry was there: its pods may be patched. Those that come now read the
 * original, so their group has been moved back before.
 */
function unpatchLiving(context: SplitContext): Step {
  const { target, unpatchedForMs, settings } = context.observed;
  if (target === undefined) return undefined;
  return unpatch(context) ?? waitForSecondLook(unpatchedForMs, settings.restoreConfirmationMs);
}

export function abandoned(context: SplitContext): Step {
  const { observed, split } = context;
  const out = registration(context);
  if (out) return out;
  const told = toldQueues(split.spec);
  const unfenced = told.filter((queue) => queue.kind === 'Kafka' && !queue.fenced);
  if (!isAcknowledged(split)) return wait('the forwarder to stop', POLL_MS);
  if (unfenced.length > 0) return act({ type: 'FenceProducers', split, keys: unfenced.map((queue) => queue.key) });
  const busy = told.filter((queue) => !reports(split, queue, 'Returned'));
  if (busy.length > 0) return wait(`the forwarder to move ${remainingText(observed, busy)} back`, POLL_MS);
  const unread = told.filter((queue) => queue.kind === 'Kafka' && !queue.rewound);
  if (unread.length > 0) return act({ type: 'RewindGroups', split, keys: unread.map((queue) => queue.key) });
  const patched = unpatchLiving(context);
  if (patched) return patched;
  return act({
    type: 'WriteSpec',
    split,
    spec: inPhase(split.spec, 'Cleaning', observed.now),
    why: 'what was left has moved back',
  });
}
