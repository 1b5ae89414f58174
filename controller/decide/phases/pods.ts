// The pods of the target: patched while they must be, unpatched afterwards. Registration is a means, pods are the proof (kubernetes-notes C1–C4).
import { PATCHING_PHASES } from '../../../api/kinds/workload-split.ts';
import { mayTry, waitForRetry } from '../failures.ts';
import type { Action, PodFact } from '../observed.ts';
import { act, POLL_MS, type SplitContext, type Step, wait } from '../step.ts';

/** The entry is a means, never the proof; it comes before the restart and is repaired at any time. */
export function registration({ observed, split }: SplitContext): Step {
  const wanted = PATCHING_PHASES.has(split.spec.phase);
  if (observed.webhook.registered === wanted) return undefined;
  if (wanted && observed.webhook.problem !== undefined) return wait(`webhook: ${observed.webhook.problem}`, POLL_MS);
  return act({ type: 'SyncWebhook' });
}

export function restart(context: SplitContext): Step {
  const { observed, split } = context;
  const { restartedAt, token } = split.spec;
  const { target } = observed;
  const unpatched = observed.pods.filter((pod) => pod.token !== token);
  if (unpatched.length === 0 || target === undefined || restartedAt === undefined) return undefined;
  const { resourceVersion } = target;
  if (target.restartedAt !== restartedAt) return act({ type: 'RestartTarget', restartedAt, resourceVersion });
  const stragglers = unpatched.filter(
    (pod) => !pod.terminating && (target.rolloutComplete || pod.restartedAt === restartedAt),
  );
  const evicted = evict(context, stragglers, 'it was made without the values of its split');
  if (evicted) return evicted;
  return wait(`${unpatched.length} of ${observed.pods.length} pods still read the original queue`, POLL_MS);
}

/**
 * While pods must be patched: the entry is there, and a pod that reads an original goes. While nothing is forwarded, pods with an earlier
 * token of this split may stay: they read the fallbacks that they know. What cannot be done now holds nothing else up.
 */
export function keepPatched(context: SplitContext): Step {
  const { observed, split } = context;
  const isStranger = ({ token }: PodFact): boolean =>
    split.spec.phase === 'Draining' ? token === undefined : token !== split.spec.token;
  const strangers = observed.pods.filter((pod) => isStranger(pod) && !pod.terminating);
  const entry = registration(context);
  if (entry) return entry.actions.length > 0 || strangers.length > 0 ? entry : undefined;
  const evicted = evict(context, strangers, 'it reads the original queue during a split');
  return evicted?.actions.length ? evicted : undefined;
}

export function unpatch(context: SplitContext): Step {
  const { target, pods } = context.observed;
  if (target?.restartedAt !== undefined) {
    return act({ type: 'RemoveRestartAnnotation', resourceVersion: target.resourceVersion });
  }
  const patched = pods.filter((pod) => pod.token !== undefined);
  if (patched.length === 0) return undefined;
  const stay = patched.filter(
    (pod) => !pod.terminating && (target?.rolloutComplete === true || pod.restartedAt === undefined),
  );
  const evicted = evict(context, gently(stay, pods), `its split ${context.split.metadata.name} is over`);
  return evicted ?? wait(`${patched.length} patched pods to go`, POLL_MS);
}

/** API servers lag behind each other: one list without patched pods is not enough (kubernetes-notes C4). */
export function waitForSecondLook(unpatchedForMs: number, confirmationMs: number): Step {
  const leftMs = confirmationMs - unpatchedForMs;
  return leftMs > 0 ? wait('a second look that no patched pod is left', leftMs) : undefined;
}

/** As a rolling update would: pods that serve nobody at once, the others one by one, each when all the others are there. */
function gently(leaving: readonly PodFact[], all: readonly PodFact[]): PodFact[] {
  const useless = leaving.filter((pod) => !pod.ready);
  if (useless.length > 0) return useless;
  return all.every((pod) => pod.ready && !pod.terminating) ? leaving.slice(0, 1) : [];
}

/** A disruption budget may say no: that pod is asked again later. */
function evict({ observed, split }: SplitContext, pods: readonly PodFact[], why: string): Step {
  const willing = pods.filter((pod) => mayTry(observed, pod.uid));
  if (willing.length === 0) {
    const subjects = pods.map((pod) => pod.uid);
    return waitForRetry(observed, subjects);
  }
  return { actions: willing.map((pod): Action => ({ type: 'EvictPod', split, pod, why })), requeueAfterMs: POLL_MS };
}
