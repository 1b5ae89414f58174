// The target and its pods as the API server has them now: consistent reads, never a cache (kubernetes-notes C1). Reads only.
import { PATCHED_LABEL, RESTARTED_AT_ANNOTATION } from '../../api/constants.ts';
import type { ObjectMeta, TargetReference } from '../../api/kinds/common.ts';
import type { WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../common/kube/resources.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import type { PodFact, TargetFacts } from '../decide/observed.ts';
import { selectorText } from './selector.ts';

export type EnvironmentSource = { name: string; env?: unknown[]; envFrom?: unknown[] };

export type PodTemplate = {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: { containers: EnvironmentSource[]; initContainers?: EnvironmentSource[] };
};

export type Deployment = {
  metadata: ObjectMeta;
  spec: {
    replicas?: number;
    paused?: boolean;
    selector: WorkloadSplitSpec['target']['selector'];
    template: PodTemplate;
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
};

type ContainerStatus = {
  name: string;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string }; running?: object; terminated?: object };
};

export type Pod = {
  metadata: ObjectMeta;
  status?: {
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
};

/** Waiting reasons that do not go away by waiting. */
const BLOCKING_REASONS = new Set([
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'CrashLoopBackOff',
]);

export type ObservedWorkload = { workload: Deployment | undefined; target: TargetFacts | undefined; pods: PodFact[] };

/** `lastKnown`: what the split remembers of its target, by which pods are found when it is gone. */
export async function observeWorkload(
  client: KubeClient,
  namespace: string,
  reference: TargetReference,
  lastKnown: WorkloadSplitSpec['target'] | undefined,
): Promise<ObservedWorkload> {
  const workload = await client.get<Deployment>(DEPLOYMENTS, { name: reference.name, namespace });
  const selector = workload?.spec.selector ?? lastKnown?.selector;
  const uid = workload?.metadata.uid ?? lastKnown?.uid;
  if (selector === undefined || uid === undefined) return { workload, target: undefined, pods: [] };
  const pods = await listPods(client, namespace, selector, uid);
  const target = workload && targetFacts(workload, pods);
  return { workload, target, pods: pods.map(podFact) };
}

/** Pods of the target by owner chain; a pod whose ReplicaSet cannot be found counts too, it may still read the original. */
async function listPods(
  client: KubeClient,
  namespace: string,
  selector: WorkloadSplitSpec['target']['selector'],
  uid: string,
): Promise<Pod[]> {
  const labelSelector = selectorText(selector);
  // In this order: the ReplicaSet of a pod that is listed is listed, too, or gone; a new one of somebody else is never taken for ours.
  const pods = await client.list<Pod>(PODS, { namespace, labelSelector });
  const replicaSets = await client.list<{ metadata: ObjectMeta }>(REPLICA_SETS, { namespace });
  const foreign = new Set(
    replicaSets.items.filter((set) => !ownedBy(set.metadata, uid)).map((set) => set.metadata.uid),
  );
  return pods.items.filter((pod) => {
    const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
    return owner?.kind === 'ReplicaSet' && !foreign.has(owner.uid);
  });
}

function ownedBy(metadata: ObjectMeta, uid: string): boolean {
  return metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
}

/** What of a pod can matter to a decision. */
export function podFact(pod: Pod): PodFact {
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    token: pod.metadata.labels?.[PATCHED_LABEL],
    terminating: pod.metadata.deletionTimestamp !== undefined,
    ready: pod.status?.conditions?.some((entry) => entry.type === 'Ready' && entry.status === 'True') === true,
    started: (pod.status?.containerStatuses ?? []).some(hasStarted),
    restartedAt: pod.metadata.annotations?.[RESTARTED_AT_ANNOTATION],
    address: pod.status?.podIP,
  };
}

function hasStarted({ restartCount = 0, state }: ContainerStatus): boolean {
  return restartCount > 0 || state?.running !== undefined || state?.terminated !== undefined;
}

function targetFacts(workload: Deployment, pods: readonly Pod[]): TargetFacts {
  const restartedAt = workload.spec.template.metadata?.annotations?.[RESTARTED_AT_ANNOTATION];
  const progress = rolloutProgress(workload);
  return {
    uid: workload.metadata.uid ?? '',
    resourceVersion: workload.metadata.resourceVersion,
    selector: workload.spec.selector,
    paused: workload.spec.paused === true,
    rolloutInProgress: progress,
    restartedAt,
    rolloutComplete: progress === undefined,
    containers: containersOf(workload.spec.template).map(({ name }) => name),
    blocked: blockedBy(workload, pods, restartedAt),
  };
}

function containersOf({ spec: { containers, initContainers = [] } }: PodTemplate): EnvironmentSource[] {
  return [...containers, ...initContainers];
}

function rolloutProgress({ metadata, spec, status }: Deployment): string | undefined {
  const wanted = spec.replicas ?? 1;
  const updated = status?.updatedReplicas ?? 0;
  const all = status?.replicas ?? 0;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return 'its controller has not seen the newest change';
  if (updated < wanted) return `${updated} of ${wanted} pods are up to date`;
  if (all > updated) return `${all - updated} old pods are still there`;
  return undefined;
}

function blockedBy(workload: Deployment, pods: readonly Pod[], restartedAt: string | undefined): string | undefined {
  const failure = workload.status?.conditions?.find(
    (entry) => entry.type === 'ReplicaFailure' && entry.status === 'True',
  );
  if (failure) return failure.message ?? failure.reason ?? 'pods cannot be created';
  const fresh = pods.filter((pod) => pod.metadata.annotations?.[RESTARTED_AT_ANNOTATION] === restartedAt);
  for (const pod of fresh) {
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    for (const { name, state } of statuses) {
      const { reason, message } = state?.waiting ?? {};
      if (reason === undefined || !BLOCKING_REASONS.has(reason)) continue;
      return `container ${name} of pod ${pod.metadata.name} is in ${reason}${message ? `: ${message}` : ''}`;
    }
  }
  return undefined;
}
