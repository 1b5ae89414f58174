// The target or its namespace is gone: a path of its own, with no restart and no drain. What is left moves back to the originals (SQS), or
// the group does (Kafka); what a namespace cannot wait for is handed over (kubernetes-notes C16, C20).
import type { Action, Problem } from '../observed.ts';
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
  if (!gone) return undefined;
  const problem: Problem = {
    code: 'TargetNotFound',
    retryable: false,
    message: `${target.kind} ${target.name} was deleted; messages that were left go back to the original queues`,
  };
  const sessions = wanting(observed).map(({ session }): Action => ({ type: 'FailSession', session, problem }));
  const told = toldQueues(split.spec);
  const back = mapQueues(split.spec, (queue) => (told.includes(queue) ? { ...queue, forwarding: 'Return' } : queue));
  const spec = inPhase(back, 'Abandoned', observed.now);
  return act(...sessions, { type: 'WriteSpec', split, spec, why: 'target or namespace is gone' });
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

/** A target of the same name came, perhaps while our entry was there: then its pods were patched like those of the one before. */
function unpatchSuccessor(context: SplitContext): Step {
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
  const patched = unpatchSuccessor(context);
  if (patched) return patched;
  const busy = told.filter((queue) => !reports(split, queue, 'Returned'));
  if (busy.length > 0) return wait(`the forwarder to move ${remainingText(observed, busy)} back`, POLL_MS);
  const unread = told.filter((queue) => queue.kind === 'Kafka' && !queue.rewound);
  if (unread.length > 0) return act({ type: 'RewindGroups', split, keys: unread.map((queue) => queue.key) });
  return act({
    type: 'WriteSpec',
    split,
    spec: inPhase(split.spec, 'Cleaning', observed.now),
    why: 'what was left has moved back',
  });
}
