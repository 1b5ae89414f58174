// The whole life cycle: what is → what to do next. Pure, total, and the same answer for the same facts. Acting is somebody else's job.
import { PATCHED_LABEL } from '../../api/constants.ts';
import type { SplitPhase, WorkloadSplit, WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import type { Decision, Observed, Problem, TargetFacts } from './observed.ts';
import { noticeLoss } from './phases/loss.ts';
import { inItsPhase } from './phases/phases.ts';
import type { Names } from './plan.ts';
import { addRoutes, createPlanned, deleteRetired, endRoutes, planSessions, retireUnneeded } from './resources.ts';
import { endSessions, failUncreatable, failUnresolvable, guardSessions, releaseSessions, wanting } from './sessions.ts';
import { act, type SplitContext, type Step, wait } from './step.ts';

/** Phases in which sessions may still join. */
const OPEN: ReadonlySet<SplitPhase> = new Set(['Preparing', 'Patching', 'Splitting', 'Warm', 'Draining']);

/** The first stage that has actions decides; what the others wait for is reported together. */
export function decide(observed: Observed, names: Names): Decision {
  const { split } = observed;
  const stages: (() => Step)[] = [
    () => endSessions(observed),
    () => guardSessions(observed),
    () => failUnresolvable(observed),
    () => failUncreatable(observed),
    ...(split ? stagesOf({ observed, split, names }) : [() => begin(observed)]),
    () => releaseSessions(observed),
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
  if (split.spec.incarnation === undefined) return [() => incarnate(observed, split)];
  if (isCopied(observed, split)) {
    return [() => wait('nothing: this object was copied or restored from elsewhere and is inert; delete it')];
  }
  const open = OPEN.has(split.spec.phase);
  return [
    () => noticeLoss(context),
    () => loseSessions(context),
    ...(open ? [() => planSessions(context), () => createPlanned(context), () => addRoutes(context)] : []),
    ...(split.spec.phase === 'Abandoned' ? [] : [() => endRoutes(context)]),
    () => retireUnneeded(context),
    () => deleteRetired(context),
    () => inItsPhase(context),
  ];
}

function isCopied(observed: Observed, split: WorkloadSplit): boolean {
  const { incarnation } = split.spec;
  return incarnation?.clusterUid !== observed.clusterUid || incarnation.selfUid !== split.metadata.uid;
}

/** Only an empty split may be given an incarnation: one with queues in it came from somewhere else. */
function incarnate(observed: Observed, split: WorkloadSplit): Step {
  if (split.spec.queues.length > 0 || split.spec.resources.length > 0)
    return wait('nothing: this object has no incarnation and is inert; delete it');
  const incarnation = { clusterUid: observed.clusterUid, selfUid: split.metadata.uid ?? '' };
  return act({ type: 'WriteSpec', split, spec: { ...split.spec, incarnation }, why: 'marked as made here' });
}

/** Somebody deleted the split while its target lives: its sessions end, and the target is restored as always. */
function loseSessions({ observed, split }: SplitContext): Step {
  if (split.metadata.deletionTimestamp === undefined) return undefined;
  const problem: Problem = {
    code: 'SessionLost',
    retryable: false,
    message: `WorkloadSplit ${split.metadata.name} was deleted`,
  };
  const sessions = wanting(observed).map(({ session }) => ({ type: 'FailSession' as const, session, problem }));
  return sessions.length > 0 ? act(...sessions) : undefined;
}

/** The first session of a target. Everything that can be refused is refused here, before anything exists. */
function begin(observed: Observed): Step {
  const first = wanting(observed).filter(({ resolution }) => resolution?.ok === true);
  if (first.length === 0) return undefined;
  const refusal = refuse(observed);
  if (refusal) return act(...first.map(({ session }) => ({ type: 'FailSession' as const, session, problem: refusal })));
  if (observed.target === undefined) return undefined;
  return act({ type: 'CreateSplit', spec: emptySpec(observed, observed.target) });
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

function emptySpec(observed: Observed, target: TargetFacts): WorkloadSplitSpec {
  const { apiVersion, kind, name } = observed.targetReference;
  return {
    target: { apiVersion, kind, name, uid: target.uid, selector: target.selector },
    phase: 'Preparing',
    revision: 0,
    environmentRevision: 0,
    environment: [],
    queues: [],
    resources: [],
    phaseSince: new Date(observed.now).toISOString(),
    settings: { ttlSeconds: 0, restartTimeoutSeconds: 60 },
  };
}
