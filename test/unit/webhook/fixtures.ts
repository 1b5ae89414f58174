// A split and a pod of its target, for the webhook's tests.
import type { WorkloadSplit, WorkloadSplitSpec } from '../../../api/kinds/workload-split.ts';
import type { Pod } from '../../../webhook/mutate.ts';

export const FALLBACK = 'https://sqs.test/1/mirrord-4f9c2a-fallback-orders';

export function variable(container: string, name: string, value: string): WorkloadSplitSpec['environment'][number] {
  return { container, variable: name, value, original: 'orders', origin: 'env value' };
}

export function makeSplit(spec: Partial<WorkloadSplitSpec> = {}, uid = 'split-uid'): WorkloadSplit {
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'WorkloadSplit',
    metadata: { name: 'deployment-worker', namespace: 'shop', uid, resourceVersion: '1' },
    spec: {
      target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker', uid: 'target-uid', selector: {} },
      incarnation: { clusterUid: 'cluster', selfUid: 'split-uid' },
      phase: 'Patching',
      revision: 9,
      token: '4f9c2a',
      environmentRevision: 3,
      environment: [variable('app', 'QUEUE', FALLBACK)],
      queues: [],
      resources: [],
      phaseSince: '2026-01-01T00:00:00Z',
      settings: { ttlSeconds: 0, restartTimeoutSeconds: 60 },
      ...spec,
    },
  };
}

export function makePod(
  env: { name: string; value?: string; valueFrom?: unknown }[] | undefined = [],
): Pod & Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { labels: { app: 'worker' } },
    spec: { containers: [{ name: 'app', env }] },
  };
}

export function makeReview(object: unknown, request: Record<string, unknown> = {}) {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'request-uid',
      operation: 'CREATE',
      namespace: 'shop',
      resource: { group: '', version: 'v1', resource: 'pods' },
      object,
      ...request,
    },
  };
}
