// The pods of the target: patched while they must be, unpatched afterwards. Registration is a means, pods are the proof (kubernetes-notes C1–C4).
import { PATCHING_PHASES } from '../../../api/kinds/workload-split.ts';
import type { Action, PodFact } from '../observed.ts';
import { act, POLL_MS, type SplitContext, type Step, wait } from '../step.ts';

/** The entry is a means, never the proof; it comes before the restart and is repaired at any time. */
export function registration({ observed, split }: SplitContext): Step {
  const wanted = PATCHING_PHASES.has(split.spec.phase);
  if (observed.webhook.registered === wanted) return undefined;
  if (wanted && observed.webhook.problem !== undefined) return wait(`webhook: ${observed.webhook.problem}`, POLL_MS);
  return act({ type: 'SyncWebhook' });
}

export function restart({ observed, split }: SplitContext): Step {
  const { restartedAt, token } = split.spec;
  const { target } = observed;
  const unpatched = observed.pods.filter((pod) => pod.token !== token);
  if (unpatched.length === 0 || target === undefined || restartedAt === undefined) return undefined;
  if (target.restartedAt !== restartedAt) return act({ type: 'RestartTarget', restartedAt });
  const stragglers = unpatched.filter(
    (pod) => !pod.terminating && (target.rolloutComplete || pod.restartedAt === restartedAt),
  );
  if (stragglers.length > 0) return evict(stragglers, 'it was made without the values of its split');
  return wait(`${unpatched.length} of ${observed.pods.length} pods still read the original queue`, POLL_MS);
}

/** While pods must be patched: the entry is there, and a pod that is not patched goes. */
export function keepPatched(context: SplitContext): Step {
  const { observed, split } = context;
  const strangers = observed.pods.filter((pod) => pod.token !== split.spec.token && !pod.terminating);
  return (
    registration(context) ??
    (strangers.length > 0 ? evict(strangers, 'it reads the original queue during a split') : undefined)
  );
}

export function unpatch({ observed, split }: SplitContext): Step {
  if (observed.target?.restartedAt !== undefined) return act({ type: 'RemoveRestartAnnotation' });
  const patched = observed.pods.filter((pod) => pod.token !== undefined);
  if (patched.length === 0) return undefined;
  const stay = patched.filter(
    (pod) => !pod.terminating && (observed.target?.rolloutComplete === true || pod.restartedAt === undefined),
  );
  if (stay.length > 0) return evict(stay, `its split ${split.metadata.name} is over`);
  return wait(`${patched.length} patched pods to go`, POLL_MS);
}

function evict(pods: readonly PodFact[], why: string): Step {
  return { actions: pods.map((pod): Action => ({ type: 'EvictPod', pod, why })), requeueAfterMs: POLL_MS };
}
