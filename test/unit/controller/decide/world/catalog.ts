// What exists in the model's world before anybody does anything: three queues of two kinds, and how sessions ask for them.
import type { SplitSession } from '../../../../../api/kinds/split-session.ts';
import type { ResolvedQueue } from '../../../../../controller/decide/observed.ts';

export const NAMESPACE = 'shop';
export const CLUSTER = 'cluster-uid';
export const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker' } as const;

/** Queue id → kind. The original has the name of its id. */
export const QUEUES = { orders: 'SQS', invoices: 'SQS', views: 'Kafka' } as const;
export type QueueId = keyof typeof QUEUES;
export const QUEUE_IDS = Object.keys(QUEUES) as QueueId[];

export const variableOf = (id: string): string => `${id.toUpperCase()}_QUEUE`;

export function newSession(name: string, uid: string, ids: readonly QueueId[], now: number): SplitSession {
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'SplitSession',
    metadata: {
      name,
      namespace: NAMESPACE,
      uid,
      resourceVersion: '1',
      creationTimestamp: new Date(now).toISOString(),
    },
    spec: {
      target: TARGET,
      queues: ids.map((id) => ({ id, kind: QUEUES[id], filter: { tenant: name }, mode: 'steal' })),
      heartbeat: { timeoutSeconds: 45 },
    },
  };
}

export function resolved(session: SplitSession): ResolvedQueue[] {
  return session.spec.queues.map(({ id, kind, filter }) => ({
    key: id,
    id,
    kind,
    filter,
    original: kind === 'Kafka' ? { name: id, topicId: `topic-${id}`, group: 'workers' } : { name: id, url: urlOf(id) },
    identity: `arn:${id}`,
    connection: {},
    variables: [{ container: 'app', variable: variableOf(id), format: 'Plain', original: id, origin: 'env value' }],
    groupVariables: [],
    tags: {},
  }));
}

export function urlOf(queue: string): string {
  return `https://sqs.eu-west-1.amazonaws.com/123456789012/${queue}`;
}
