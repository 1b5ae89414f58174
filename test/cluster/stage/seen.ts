// What a cluster test looks at again and again, and waits for. Reads only.
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import { readReceived } from '../../checker/history.ts';
import { waitFor } from '../../testbed/wait.ts';
import { readApi } from './api.ts';
import { OPERATOR_NAMESPACE } from './installation.ts';
import type { Stage } from './stage.ts';

export async function untilReceived(stage: Stage, reader: string, count: number, deadlineMs = 60_000): Promise<void> {
  const received = () => readReceived(stage.collector.file).filter((line) => line.reader === reader).length;
  await waitFor(`${reader} to receive ${count} orders`, () => received() >= count, { deadlineMs, intervalMs: 200 });
}

const SPLITS = '/apis/queuesplitter.dev/v1alpha1';

/** Of one namespace, or of all. None where there is no such kind. */
export async function readSplits({ cluster }: Stage, namespace?: string): Promise<WorkloadSplit[]> {
  const where = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return (await readApi<{ items: WorkloadSplit[] }>(cluster, `${SPLITS}${where}/workloadsplits`))?.items ?? [];
}

export async function untilRestored(
  stage: Stage,
  namespace?: string,
  { deadlineMs = 120_000, except }: { deadlineMs?: number; except?: WorkloadSplit } = {},
): Promise<void> {
  await waitFor(
    `${namespace ?? 'every target'} to be restored`,
    async () => {
      const others = (await readSplits(stage, namespace)).filter(
        ({ metadata }) => metadata.uid !== except?.metadata.uid,
      );
      if (others.length > 0) throw new Error(`still ${others.map(({ spec }) => spec.phase).join(', ')}`);
      return true;
    },
    { deadlineMs, intervalMs: 200 },
  );
}

/** By Events of this namespace; nobody else waits until they are written. */
export async function untilTold({ cluster }: Stage, namespace: string, ...sentences: RegExp[]): Promise<void> {
  for (const sentence of sentences) {
    await waitFor(
      `an Event that says ${sentence}`,
      async () => sentence.test(await cluster.kubectl(['get', 'events', '-n', namespace, '-o', 'json'])),
      { deadlineMs: 10_000, intervalMs: 500 },
    );
  }
}

export type PodSeen = {
  metadata: { name: string; uid: string; labels?: Record<string, string>; deletionTimestamp?: string };
  status: {
    phase: string;
    podIP?: string;
    containerStatuses?: {
      containerID?: string;
      restartCount: number;
      ready: boolean;
      state?: { terminated?: { exitCode: number } };
    }[];
  };
};

export async function readPods({ cluster }: Stage, namespace: string, selector: string): Promise<PodSeen[]> {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`;
  return (await readApi<{ items: PodSeen[] }>(cluster, path))?.items ?? [];
}

export type OwnProcess = 'controller' | 'webhook' | 'forwarder';

export async function ownPods(stage: Stage, process: OwnProcess): Promise<PodSeen[]> {
  return await readPods(stage, OPERATOR_NAMESPACE, `app.kubernetes.io/component=${process}`);
}

/** Who holds the controllers' Lease, living or dead: pod name and random digits. Empty: nobody. */
export async function leader({ cluster }: Stage): Promise<string> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases/queue-splitter-controller`;
  const lease = await readApi<{ spec: { holderIdentity?: string } }>(cluster, path);
  return lease?.spec.holderIdentity ?? '';
}

export async function leadingPod(stage: Stage): Promise<string> {
  return (await leader(stage)).replace(/-[0-9a-f]+$/, '');
}

/** The forwarder that a split's status names. Empty: none. */
export async function holder(stage: Stage, namespace: string): Promise<string> {
  const [split] = await readSplits(stage, namespace);
  return split?.status?.forwarder?.holder ?? '';
}

/** Names of the Leases with this label in our namespace. */
export async function ownLeases({ cluster }: Stage, label: string): Promise<string[]> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases?labelSelector=${encodeURIComponent(label)}`;
  const found = await readApi<{ items: { metadata: { name: string } }[] }>(cluster, path);
  return (found?.items ?? []).map(({ metadata }) => metadata.name);
}

export async function webhookEntries(stage: Stage): Promise<string[]> {
  return ((await webhookConfiguration(stage))?.webhooks ?? []).map(({ name }) => name);
}

export async function webhookOwners(stage: Stage): Promise<string[]> {
  return ((await webhookConfiguration(stage))?.metadata.ownerReferences ?? []).map(({ name }) => name);
}

type WebhookConfiguration = { metadata: { ownerReferences?: { name: string }[] }; webhooks?: { name: string }[] };

async function webhookConfiguration({ cluster }: Stage): Promise<WebhookConfiguration | undefined> {
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/queue-splitter';
  return await readApi<WebhookConfiguration>(cluster, path);
}
