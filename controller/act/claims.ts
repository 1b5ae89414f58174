// Claims: one original has at most one split in the cluster. A claim is a Lease in the operator's namespace, named by the hash of broker and queue.
import { CLAIM_LABEL, HOLDER_ANNOTATION, QUEUE_ANNOTATION } from '../../api/constants.ts';
import type { ObjectMeta } from '../../api/kinds/common.ts';
import type { SplitQueue, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../../common/errors.ts';
import { LEASES, WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import type { ActContext } from './context.ts';

type Claim = { apiVersion: string; kind: string; metadata: ObjectMeta; spec: { holderIdentity: string } };

/** Rejects with `OriginalClaimed` and the holder's name when another living split has it. */
export async function claimOriginal(
  context: ActContext,
  split: WorkloadSplit,
  name: string,
  queue: SplitQueue,
): Promise<void> {
  const { client, operatorNamespace } = context;
  const uid = split.metadata.uid ?? '';
  const existing = await client.get<Claim>(LEASES, { name, namespace: operatorNamespace });
  if (existing?.spec.holderIdentity === uid) return;
  if (existing) {
    if (await isHeld(context, existing)) throw claimed(existing, queue);
    await client.delete(LEASES, { name, namespace: operatorNamespace }, precondition(existing));
  }
  await client.create<Claim>(LEASES, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace: operatorNamespace,
      labels: { [CLAIM_LABEL]: 'true' },
      annotations: {
        [HOLDER_ANNOTATION]: `${split.metadata.namespace}/${split.metadata.name}`,
        [QUEUE_ANNOTATION]: queue.original.url ?? queue.original.name,
      },
    },
    spec: { holderIdentity: uid },
  });
}

/** A claim whose split is gone, or is another one of the same name, holds nothing. */
async function isHeld({ client }: ActContext, claim: Claim): Promise<boolean> {
  const [namespace = '', name = ''] = (claim.metadata.annotations?.[HOLDER_ANNOTATION] ?? '').split('/');
  const holder = await client.get<WorkloadSplit>(WORKLOAD_SPLITS, { name, namespace });
  return holder?.metadata.uid === claim.spec.holderIdentity;
}

function claimed(claim: Claim, queue: SplitQueue): SplitterError {
  const holder = claim.metadata.annotations?.[HOLDER_ANNOTATION] ?? 'another split';
  return new SplitterError(
    'OriginalClaimed',
    `queue ${queue.original.name} (queue id ${queue.id}) is already split by ${holder}; one queue can have one split in a cluster. Wait until it has ended, or join its target`,
  );
}

export async function releaseClaim(
  { client, operatorNamespace }: ActContext,
  split: WorkloadSplit,
  name: string,
): Promise<void> {
  const existing = await client.get<Claim>(LEASES, { name, namespace: operatorNamespace });
  if (!existing || existing.spec.holderIdentity !== split.metadata.uid) return;
  await client.delete(LEASES, { name, namespace: operatorNamespace }, precondition(existing));
}

function precondition(claim: Claim): { uid?: string } {
  return claim.metadata.uid === undefined ? {} : { uid: claim.metadata.uid };
}
