// A pod that carries a token of ours whose split does not exist, or is over, is replaced (kubernetes-notes C4). No other pod is touched.
import { PATCHED_LABEL, TOKEN_PREFIX } from '../../api/constants.ts';
import type { ObjectMeta } from '../../api/kinds/common.ts';
import type { SplitPhase, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { PODS, WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import type { Log } from '../../common/log.ts';
import { sessionMetrics } from '../../common/metrics/sessions.ts';
import type { ActContext } from '../act/context.ts';
import { evictPod } from '../act/target.ts';

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

/** While these last, pods may carry an earlier token of their split, whose environment had grown: the reconciler looks after them, too. */
const MIXED: ReadonlySet<SplitPhase> = new Set(['Patching', 'Draining', 'Restoring']);

/** Pods that read a queue which nobody feeds: pure. */
export function strayPods<T extends PatchedPod>(pods: readonly T[], splits: readonly WorkloadSplit[]): T[] {
  const living = splits.filter((split) => LOOKED_AFTER.has(split.spec.phase));
  const tokens = new Set(living.map((split) => split.spec.token));
  const mixed = living.filter(({ spec }) => MIXED.has(spec.phase));
  return pods.filter(({ metadata }) => {
    const token = metadata.labels?.[PATCHED_LABEL];
    const isOurs = token?.startsWith(TOKEN_PREFIX) === true;
    const isLookedAfter = tokens.has(token) || mixed.some((split) => mayTarget(split, metadata));
    return isOurs && !isLookedAfter && metadata.deletionTimestamp === undefined;
  });
}

/** By the labels alone; a selector with expressions may match fewer. */
function mayTarget({ metadata, spec }: WorkloadSplit, pod: ObjectMeta): boolean {
  const labels = Object.entries(spec.target.selector.matchLabels ?? {});
  return metadata.namespace === pod.namespace && labels.every(([key, value]) => pod.labels?.[key] === value);
}

/** One pod that a disruption budget holds back does not keep the others; rejects when any was refused. */
export async function replaceStrayPods(context: ActContext, log: Log): Promise<void> {
  const pods = await context.client.list<PatchedPod>(PODS, { labelSelector: PATCHED_LABEL });
  if (pods.items.length === 0) return;
  const splits = await context.client.list<WorkloadSplit>(WORKLOAD_SPLITS);
  const refusals: unknown[] = [];
  for (const { metadata } of strayPods(pods.items, splits.items)) {
    const { name, namespace = '', uid = '' } = metadata;
    log.warn({ namespace, pod: name }, 'replacing a pod whose split is over');
    const why = 'its split is over, and it still reads the fallback queue';
    try {
      await evictPod(context, namespace, { name, uid, started: true }, why);
      sessionMetrics.garbageCollected.inc({ kind: 'Pod' });
    } catch (error) {
      refusals.push(error);
    }
  }
  if (refusals.length > 0) throw refusals[0];
}
