// What is written to a WorkloadSplit: creation, conditional spec writes, release. Only the leader's reconciler calls these.
import { FINALIZER, GROUP, VERSION } from '../../api/constants.ts';
import type { WorkloadSplit, WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import { ignoreMissing } from '../../common/kube/api-error.ts';
import { WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import { splitName } from '../../common/naming/kubernetes.ts';
import type { Warning } from '../decide/observed.ts';
import { forget, remember } from '../garbage/memory.ts';
import { controllerOf, type Subject } from './announce.ts';
import type { ActContext, Place } from './context.ts';

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
export async function releaseSplit(context: ActContext, split: WorkloadSplit): Promise<void> {
  const { client, announce } = context;
  const { name, namespace = '', uid, resourceVersion, deletionTimestamp } = split.metadata;
  if (deletionTimestamp === undefined) {
    const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion ? { resourceVersion } : {}) };
    await client.delete(WORKLOAD_SPLITS, { name, namespace }, preconditions);
    return;
  }
  await forget(context, uid);
  await removeFinalizer(context, split);
  announce(
    targetOf(split),
    'Normal',
    'SplitEnded',
    'reads its original queues again; every temporary queue is deleted',
  );
}

/** What is left is not lost: the sweep gives it back, and deletes it, when its broker can be reached. */
export async function handOver(context: ActContext, split: WorkloadSplit): Promise<void> {
  await remember(context, split, true);
  await removeFinalizer(context, split);
  const { namespace, name } = split.metadata;
  const left = split.spec.resources.filter(({ role }) => role !== 'claim').map((entry) => entry.name);
  const message = `namespace ${namespace} is being deleted, and what its split ${name} has left could not be given back in time; it is kept, and given back when the broker answers: ${left.join(', ')}`;
  context.announce(controllerOf(context), 'Warning', 'HandedOver', message);
}

async function removeFinalizer({ client }: ActContext, { metadata }: WorkloadSplit): Promise<void> {
  const { name, namespace = '', resourceVersion } = metadata;
  const finalizers = (metadata.finalizers ?? []).filter((entry) => entry !== FINALIZER);
  await ignoreMissing(
    client.mergePatch(WORKLOAD_SPLITS, { name, namespace }, { metadata: { resourceVersion, finalizers } }),
  );
}

export function warn({ announce }: ActContext, split: WorkloadSplit, { reason, message }: Warning): void {
  announce(targetOf(split), 'Warning', reason, message);
}

/** Events are looked for on the workload, which outlives the split. */
function targetOf({ metadata: { namespace = '' }, spec: { target } }: WorkloadSplit): Subject {
  const { apiVersion, kind, name, uid } = target;
  return { apiVersion, kind, metadata: { name, namespace, uid } };
}
