// The mark that the chart is being uninstalled: a Lease in the operator's namespace. While it is there sessions end and none starts.
import { SplitterError } from '../common/errors.ts';
import type { Lease } from '../common/kube/lease.ts';
import { LEASES } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';

export const UNINSTALLING_LEASE = 'queue-splitter-uninstalling';

export async function isUninstalling(client: KubeClient, namespace: string): Promise<boolean> {
  return (await client.get<Lease>(LEASES, { name: UNINSTALLING_LEASE, namespace })) !== undefined;
}

/** The mark may be there already, from a hook that was killed. */
export async function markUninstalling(client: KubeClient, namespace: string, holder: string): Promise<void> {
  const lease: Lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: UNINSTALLING_LEASE, namespace },
    spec: { holderIdentity: holder },
  };
  try {
    await client.create(LEASES, lease);
  } catch (error) {
    if (!(error instanceof SplitterError && error.code === 'Conflict')) throw error;
  }
}

export async function unmarkUninstalling(client: KubeClient, namespace: string): Promise<void> {
  await client.delete(LEASES, { name: UNINSTALLING_LEASE, namespace });
}
