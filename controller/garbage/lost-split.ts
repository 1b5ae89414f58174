// What is done for one split that is remembered and does not exist any more: its target goes back, each of its queues is given back and
// deleted, its claims are released, and then it is forgotten. Every step may be repeated.
import type { ObjectMeta } from '../../api/kinds/common.ts';
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import type { Lease } from '../../common/kube/lease.ts';
import { LEASES } from '../../common/kube/resources.ts';
import type { ActContext } from '../act/context.ts';
import { removeRestartAnnotation } from '../act/target.ts';
import { observeWorkload } from '../observe/workload.ts';
import { forget, type Memory } from './memory.ts';
import type { GarbageBrokers } from './sweep.ts';

/** Resolves to why something is kept. */
export async function collectLostSplit(
  context: ActContext,
  { collectors }: GarbageBrokers,
  memory: Memory,
  splits: readonly WorkloadSplit[],
  signal: AbortSignal,
): Promise<string[]> {
  const reading = await restoreTarget(context, memory, splits);
  if (reading !== undefined) return [reading];
  const { split, queues, resources } = memory;
  const owner = { clusterUid: context.clusterUid, splitUid: split.uid };
  const kept = await Promise.all(
    queues.map((queue) => {
      const own = resources.filter((entry) => entry.queue === queue.key);
      const claims = own.filter((entry) => entry.role === 'claim').map(({ name }) => name);
      const isSplitAgain = splits.some(({ spec }) => spec.resources.some(({ name }) => claims.includes(name)));
      const entries = own.filter((entry) => entry.role !== 'claim');
      return collectors[queue.kind]({ queue, entries, owner, isSplitAgain }, signal);
    }),
  );
  if (kept.flat().length > 0) return kept.flat();
  for (const { role, name } of resources) if (role === 'claim') await releaseClaimOf(context, split.uid, name);
  await forget(context, split.uid);
  return [];
}

/** Until no pod of the target reads its queues any more; another split of the same target looks after its own pods. */
async function restoreTarget(
  context: ActContext,
  { split: { namespace, name, uid }, target: lastKnown }: Memory,
  splits: readonly WorkloadSplit[],
): Promise<string | undefined> {
  const successor = splits.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  const { target, pods } = await observeWorkload(context.client, namespace, lastKnown, lastKnown);
  if (target && target.uid === lastKnown.uid && target.restartedAt !== undefined && !successor) {
    await removeRestartAnnotation(context, { namespace, target: lastKnown }, target.resourceVersion);
  }
  const readers = pods.filter(({ token }) => token !== undefined && token !== successor?.spec.token);
  if (readers.length === 0) return undefined;
  return `split ${namespace}/${name} (${uid}) is gone, and ${readers.length} pods of ${lastKnown.name} may still read its queues; they are being replaced`;
}

async function releaseClaimOf({ client, operatorNamespace }: ActContext, uid: string, name: string): Promise<void> {
  const claim = await client.get<Lease>(LEASES, { name, namespace: operatorNamespace });
  if (claim?.spec.holderIdentity === uid)
    await client.delete(LEASES, { name, namespace: operatorNamespace }, versionOf(claim));
}

export function versionOf({ metadata }: { metadata: ObjectMeta }): { uid: string; resourceVersion: string } {
  return { uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
