// The whole life cycle: what is → what to do next. Pure, total, and the same answer for the same facts. Acting is somebody else's job.
import { PATCHED_LABEL } from '../../api/constants.ts';
import type { WorkloadSplit, WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import type { Decision, Observed, ObservedSession, Problem, TargetFacts } from './observed.ts';
import { handOver, noticeLoss } from './phases/loss.ts';
import { inItsPhase } from './phases/phases.ts';
import type { Names } from './plan.ts';
import {
  addRoutes,
  createPlanned,
  deleteRetired,
  endRoutes,
  growOutgrown,
  planSessions,
  retireUnneeded,
} from './resources.ts';
import {
  endSessions,
  failAll,
  failUncreatable,
  failUnresolvable,
  guardSessions,
  releaseSessions,
  wanting,
} from './sessions.ts';
import { hasTraceOf, isCopy, isOpen } from './spec.ts';
import { act, RESYNC_MS, type SplitContext, type Step, wait } from './step.ts';
import { failUnsubscribed, waitsForSubscription } from './subscriptions.ts';

/** The first stage that has actions decides; what the others wait for is reported together. */
export function decide(observed: Observed, names: Names): Decision {
  const { split } = observed;
  const stages: (() => Step)[] = [
    () => endSessions(observed),
    () => guardSessions(observed),
    () => failUnresolvable(observed),
    () => failUncreatable(observed),
    () => failUnsubscribed(observed),
    () => releaseSessions(observed),
    ...(split ? stagesOf({ observed, split, names }) : [() => begin(observed)]),
  ];
  const waiting: string[] = [];
  const delays: number[] = [];
  for (const stage of stages) {
    const step = stage();
    if (step?.requeueAfterMs !== undefined) delays.push(step.requeueAfterMs);
    if (step && step.actions.length > 0)
      return { actions: step.actions, waitingFor: undefined, requeueAfterMs: step.requeueAfterMs };
    if (step?.waitingFor !== undefined) waiting.push(step.waitingFor);
  }
  return {
    actions: [],
    waitingFor: waiting.length > 0 ? waiting.join('; ') : undefined,
    requeueAfterMs: delays.length > 0 ? Math.min(...delays) : undefined,
  };
}

function stagesOf(context: SplitContext): (() => Step)[] {
  const { observed, split } = context;
  if (isCopy(split, observed.clusterUid)) return [() => setAside(context)];
  if (split.spec.incarnation === undefined) return [() => incarnate(observed, split)];
  return [
    () => noticeLoss(context),
    () => handOver(context),
    () => loseSessions(context),
    ...(split.spec.phase === 'Abandoned' ? [] : [() => endRoutes(context)]),
    () => retireUnneeded(context),
    ...(isOpen(split)
      ? [
          () => planSessions(context),
          () => createPlanned(context),
          () => growOutgrown(context),
          () => addRoutes(context),
        ]
      : []),
    () => deleteRetired(context),
    () => inItsPhase(context),
  ];
}

function incarnate(observed: Observed, split: WorkloadSplit): Step {
  const incarnation = { clusterUid: observed.clusterUid, selfUid: split.metadata.uid ?? '' };
  return act({ type: 'WriteSpec', split, spec: { ...split.spec, incarnation }, why: 'marked as made here' });
}

/** Its queues and pods are not ours to touch. It only goes away when somebody deletes it; until then no session can begin. */
function setAside({ observed, split }: SplitContext): Step {
  if (split.metadata.deletionTimestamp !== undefined) return act({ type: 'ReleaseSplit', split });
  const { name, namespace } = split.metadata;
  const problem: Problem = {
    code: 'Copied',
    retryable: false,
    message: `WorkloadSplit ${name} was copied or restored from elsewhere and stands in the way; delete it (kubectl -n ${namespace} delete workloadsplit ${name}) and start again`,
  };
  return (
    failAll(wanting(observed), problem) ??
    wait('nothing: this object was copied or restored from elsewhere and is inert; delete it')
  );
}

/** Somebody deleted the split while its target lives: its sessions end, and the target is restored as always. New ones wait. */
function loseSessions({ observed, split }: SplitContext): Step {
  if (split.metadata.deletionTimestamp === undefined) return undefined;
  const lost = wanting(observed).filter(({ session }) => hasTraceOf(split.spec, session));
  return failAll(lost, {
    code: 'SessionLost',
    retryable: false,
    message: `WorkloadSplit ${split.metadata.name} was deleted, so the target goes back to its original queues; start a new session`,
  });
}

/** The first session of a target. Everything that can be refused is refused here, before anything exists. */
function begin(observed: Observed): Step {
  const waiting = wanting(observed);
  const first = waiting.filter((entry) => entry.resolution?.ok === true && !waitsForSubscription(observed, entry));
  if (first.length === 0) return waiting.length > 0 ? wait('the names of the queues', RESYNC_MS) : undefined;
  const refusal = refuse(observed);
  if (refusal) return failAll(first, refusal);
  if (observed.target === undefined) return undefined;
  return act({ type: 'CreateSplit', spec: emptySpec(observed, observed.target, first) });
}

function refuse(observed: Observed): Problem | undefined {
  const { target, targetReference, namespace } = observed;
  const title = `${targetReference.kind} ${targetReference.name}`;
  if (namespace.terminating || target === undefined) {
    return {
      code: 'TargetNotFound',
      retryable: false,
      message: `${title} does not exist in namespace ${namespace.name}; check target and namespace`,
    };
  }
  if (Object.keys(target.selector.matchLabels ?? {}).length + (target.selector.matchExpressions ?? []).length === 0) {
    return {
      code: 'TargetUnsupported',
      retryable: false,
      message: `${title} has an empty selector; a webhook entry for it would catch every pod`,
    };
  }
  if (target.paused) {
    return {
      code: 'TargetUnsupported',
      retryable: false,
      message: `${title} is paused, so it cannot be restarted; resume it (kubectl rollout resume) and start again`,
    };
  }
  if (target.rolloutInProgress !== undefined) {
    return {
      code: 'RolloutInProgress',
      retryable: false,
      message: `${title} is in the middle of a rollout (${target.rolloutInProgress}); wait until it is done and start again`,
    };
  }
  if (observed.webhook.full) {
    return {
      code: 'TooManySplits',
      retryable: false,
      message: `${title} cannot be split: ${observed.webhook.problem}`,
    };
  }
  const foreign = observed.pods.find((pod) => pod.token !== undefined);
  if (foreign) {
    return {
      code: 'ForeignPatch',
      retryable: false,
      message: `pod ${foreign.name} carries ${PATCHED_LABEL}=${foreign.token}, set by another operator or by a split that is just ending; wait, or end that session first`,
    };
  }
  return undefined;
}

function emptySpec(observed: Observed, target: TargetFacts, first: readonly ObservedSession[]): WorkloadSplitSpec {
  const { apiVersion, kind, name } = observed.targetReference;
  const timeouts = first.map(({ resolution }) => (resolution?.ok ? resolution.value.restartTimeoutSeconds : 1));
  return {
    target: { apiVersion, kind, name, uid: target.uid, selector: target.selector },
    phase: 'Preparing',
    revision: 0,
    environmentRevision: 0,
    environment: [],
    queues: [],
    resources: [],
    phaseSince: new Date(observed.now).toISOString(),
    settings: { ttlSeconds: 0, restartTimeoutSeconds: Math.max(1, ...timeouts) },
  };
}
