// What is written to a WorkloadSplit: creation, conditional spec writes, release. Only the leader's reconciler calls these.
import { FINALIZER, GROUP, VERSION } from '../../api/constants.ts';
import type { WorkloadSplit, WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import { WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import { splitName } from '../../common/naming/kubernetes.ts';
import type { ActContext, Place } from './context.ts';
import { ignoreMissing } from './sessions.ts';

/** Creation is the lock: a second split of the same target gets `Conflict`. */
export async function createSplit({ client }: ActContext, place: Place, spec: WorkloadSplitSpec): Promise<void> {
  const split: WorkloadSplit = {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: 'WorkloadSplit',
    metadata: { name: splitName(place.target), namespace: place.namespace, finalizers: [FINALIZER] },
    spec,
  };
  await client.create(WORKLOAD_SPLITS, split);
}

/** Fails with `Conflict` when the object is not the one that the decision was made on. */
export async function writeSpec(
  { client }: ActContext,
  split: WorkloadSplit,
  spec: WorkloadSplitSpec,
): Promise<WorkloadSplit> {
  return await client.replace(WORKLOAD_SPLITS, { ...split, spec });
}

/**
 * Deletes the object, and next time, when nobody has written to it in between, takes our finalizer off. Both are conditional on the
 * resourceVersion: a split in which another controller has begun something anew must not lose its ledger.
 */
export async function releaseSplit({ client, announce }: ActContext, split: WorkloadSplit): Promise<void> {
  const { name, namespace = '', uid, resourceVersion, deletionTimestamp } = split.metadata;
  if (deletionTimestamp === undefined) {
    const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion ? { resourceVersion } : {}) };
    await client.delete(WORKLOAD_SPLITS, { name, namespace }, preconditions);
    return;
  }
  const finalizers = (split.metadata.finalizers ?? []).filter((entry) => entry !== FINALIZER);
  await ignoreMissing(
    client.mergePatch(WORKLOAD_SPLITS, { name, namespace }, { metadata: { resourceVersion, finalizers } }),
  );
  const { apiVersion, kind, name: target, uid: targetUid } = split.spec.target;
  announce(
    { apiVersion, kind, metadata: { name: target, namespace, uid: targetUid } },
    'Normal',
    'SplitEnded',
    'reads its original queues again; every temporary queue is deleted',
  );
}
