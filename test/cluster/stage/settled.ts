// What to wait for before the first picture of the world, so that time alone changes nothing in it afterwards.
import { FORWARDER_LABEL } from '../../../api/constants.ts';
import { SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { waitFor } from '../../testbed/wait.ts';
import { readApi } from './api.ts';
import { OPERATOR_NAMESPACE } from './installation.ts';
import { ownLeases, webhookOwners } from './seen.ts';
import { GROUP, TOPIC } from './shop.ts';
import type { Stage } from './stage.ts';

/** `branches`: names of further shops, see branch.ts. */
export async function untilSettled(stage: Stage, branches: readonly string[] = []): Promise<void> {
  await untilWrittenDown(stage, [SHOP_NAMESPACE, OPERATOR_NAMESPACE, ...branches]);
  await untilAllIsCommitted(stage);
}

/** What others write after what they write it about: of Deployments and namespaces Kubernetes, of themselves our own processes. */
async function untilWrittenDown(stage: Stage, namespaces: readonly string[]): Promise<void> {
  const isWrittenDown = async (): Promise<boolean> => {
    const missing = await Promise.all([...namespaces.map((name) => missingIn(stage, name)), missingOfOurs(stage)]);
    if (missing.flat().length > 0) throw new Error(missing.flat().join(', '));
    return true;
  };
  await waitFor('everything that is there to be written down', isWrittenDown, { deadlineMs: 60_000, intervalMs: 200 });
}

type Deployment = {
  metadata: { name: string; generation: number };
  spec: { replicas: number };
  status: { observedGeneration?: number };
};

async function missingIn({ cluster }: Stage, namespace: string): Promise<string[]> {
  const found = await readApi<{ items: Deployment[] }>(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`);
  const late = found?.items.filter(({ metadata, status }) => status.observedGeneration !== metadata.generation) ?? [];
  const authority = await readApi(cluster, `/api/v1/namespaces/${namespace}/configmaps/kube-root-ca.crt`);
  return [
    ...late.map(({ metadata }) => `the ReplicaSet of ${metadata.name}`),
    ...(authority ? [] : [`the certificate authority of namespace ${namespace}`]),
  ];
}

async function missingOfOurs(stage: Stage): Promise<string[]> {
  const path = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments/queue-splitter-forwarder`;
  const forwarders = (await readApi<Deployment>(stage.cluster, path))?.spec.replicas;
  const leases = await ownLeases(stage, FORWARDER_LABEL);
  return [
    ...(leases.length === forwarders ? [] : [`the Leases of ${forwarders} forwarders`]),
    ...((await webhookOwners(stage)).length > 0 ? [] : ['the owner of the webhook configuration']),
  ];
}

/** Until the group has read and committed every partition once: an offset that appears later would look like ours. */
async function untilAllIsCommitted({ kafka }: Stage): Promise<void> {
  if (kafka === undefined) return;
  const admin = kafka.client().admin();
  await admin.connect();
  try {
    await waitFor(
      'the group to have committed an offset for every partition',
      async () => {
        const [offsets] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] });
        return offsets?.partitions.every(({ offset }) => Number(offset) >= 0);
      },
      { deadlineMs: 180_000, intervalMs: 300 },
    );
  } finally {
    await admin.disconnect();
  }
}
