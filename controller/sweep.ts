// The sweeper: a pod that carries a token of ours whose split does not exist, or is over, is replaced (kubernetes-notes C4). It touches no other pod.
import { PATCHED_LABEL, TOKEN_PREFIX } from '../api/constants.ts';
import type { ObjectMeta } from '../api/kinds/common.ts';
import type { SplitPhase, WorkloadSplit } from '../api/kinds/workload-split.ts';
import { PODS, WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { Log } from '../common/log.ts';
import type { ActContext } from './act/context.ts';
import { evictPod } from './act/target.ts';

type PatchedPod = { metadata: ObjectMeta };

/** In these phases the reconciler looks after the pods itself. */
const LOOKED_AFTER: ReadonlySet<SplitPhase> = new Set([
  'Preparing',
  'Patching',
  'Splitting',
  'Warm',
  'Draining',
  'Restoring',
]);

/** Pods that read a queue which nobody feeds: pure. While an environment grows, pods carry the token of before: that split replaces them itself. */
export function strayPods<T extends PatchedPod>(pods: readonly T[], splits: readonly WorkloadSplit[]): T[] {
  const living = splits.filter((split) => LOOKED_AFTER.has(split.spec.phase));
  const tokens = new Set(living.map((split) => split.spec.token));
  const growing = new Set(
    living.filter((split) => split.spec.phase === 'Patching').map((split) => split.metadata.namespace),
  );
  return pods.filter(({ metadata }) => {
    const token = metadata.labels?.[PATCHED_LABEL];
    const isOurs = token?.startsWith(TOKEN_PREFIX) === true;
    return isOurs && !tokens.has(token) && !growing.has(metadata.namespace) && metadata.deletionTimestamp === undefined;
  });
}

export async function sweepPods(context: ActContext, log: Log): Promise<void> {
  const pods = await context.client.list<PatchedPod>(PODS, { labelSelector: PATCHED_LABEL });
  if (pods.items.length === 0) return;
  const splits = await context.client.list<WorkloadSplit>(WORKLOAD_SPLITS);
  for (const { metadata } of strayPods(pods.items, splits.items)) {
    const { name, namespace = '', uid = '' } = metadata;
    log.warn({ namespace, pod: name }, 'replacing a pod whose split is over');
    await evictPod(context, namespace, { name, uid }, 'its split is over, and it still reads the fallback queue');
  }
}
