// What the controller's unit tests work on: a fake API server with a Deployment and its pods, brokers that remember what was asked of them, and
// objects as the API would have them.
import { FINALIZER, PATCHED_LABEL, RESTARTED_AT_ANNOTATION } from '../../../api/constants.ts';
import type { QueueKind } from '../../../api/kinds/common.ts';
import type { SplitSession, SplitSessionSpec } from '../../../api/kinds/split-session.ts';
import type { SplitQueue, WorkloadSplit, WorkloadSplitSpec } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import {
  DEPLOYMENTS,
  NAMESPACES,
  PODS,
  REPLICA_SETS,
  SPLIT_SESSIONS,
  WORKLOAD_SPLITS,
} from '../../../common/kube/resources.ts';
import type { ActContext } from '../../../controller/act/context.ts';
import { Failures } from '../../../controller/act/failures.ts';
import type { BrokerAdmin, Rewound } from '../../../controller/brokers/broker.ts';
import { FakeClock } from '../common/fake-clock.ts';
import { silentLog } from '../common/silent-log.ts';
import { FakeKube } from './fake-kube.ts';

export const CLUSTER_UID = 'cluster-uid';
export const OPERATOR = 'queue-splitter';
export const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker' } as const;

/** Temporary queues by name; `left` is what `remaining` answers. */
export class FakeBroker implements BrokerAdmin {
  readonly queues = new Set<string>();
  readonly calls: string[] = [];
  left = 0;
  settled = true;
  /** Topics that have too few partitions. */
  small: string[] = [];
  rewound: Rewound = { moved: [], missing: 0, fallbackEnd: [] };
  own = 0;
  failure: SplitterError | undefined;

  async describeOriginal(value: string, _connection: unknown, group?: string) {
    this.#call(`describe ${value}`);
    const name = value.split(/[/:]/).at(-1) ?? value;
    if (name.startsWith('missing')) throw new SplitterError('QueueNotFound', `SQS queue ${name} does not exist.`);
    const location =
      group === undefined ? { name, url: `https://sqs/${name}` } : { name, topicId: `id-${name}`, group };
    return { location, identity: `identity of ${name}` };
  }

  async create({ entry }: Parameters<BrokerAdmin['create']>[0]) {
    this.#call(`create ${entry.name}`);
    this.queues.add(entry.name);
    return entry.kind === 'SqsQueue' ? { url: `https://sqs/${entry.name}` } : { topicId: `id-${entry.name}` };
  }

  async startOffsets() {
    this.#call('startOffsets');
    return [{ partition: 0, offset: '7' }];
  }

  async settle() {
    this.#call('settle');
    return { settled: this.settled, message: this.settled ? 'nobody reads' : 'client shop-legacy at 10.0.0.9 reads' };
  }

  async fence() {
    this.#call('fence');
  }

  async rewind() {
    this.#call('rewind');
    return this.rewound;
  }

  async returnOwn() {
    this.#call('returnOwn');
    return this.own;
  }

  async outgrown(_queue: unknown, names: readonly string[]) {
    this.#call('outgrown');
    return this.small.filter((name) => names.includes(name));
  }

  async grow({ entry }: Parameters<BrokerAdmin['grow']>[0]) {
    this.#call(`grow ${entry.name}`);
  }

  async remaining() {
    this.#call('remaining');
    return this.left;
  }

  async delete(entry: Parameters<BrokerAdmin['delete']>[0]) {
    this.#call(`delete ${entry.name}`);
    this.queues.delete(entry.name);
  }

  #call(what: string): void {
    this.calls.push(what);
    if (this.failure) throw this.failure;
  }
}

export type Bench = {
  kube: FakeKube;
  clock: FakeClock;
  brokers: Record<QueueKind, FakeBroker>;
  context: ActContext;
  /** `Warning OriginalClaimed alice`. */
  announced: string[];
  /** What the webhook registration is asked and answers. */
  webhook: { registered: boolean; problem: string | undefined; noRoom: string | undefined; syncs: number };
};

export function createBench(): Bench {
  const kube = new FakeKube();
  const clock = new FakeClock();
  const brokers = { SQS: new FakeBroker(), Kafka: new FakeBroker() };
  const announced: string[] = [];
  const webhook: Bench['webhook'] = { registered: false, problem: undefined, noRoom: undefined, syncs: 0 };
  kube.put(NAMESPACES, { metadata: { name: 'shop' } });
  const context: ActContext = {
    client: kube,
    operatorNamespace: OPERATOR,
    clusterUid: CLUSTER_UID,
    brokers,
    webhook: {
      isRegistered: async () => webhook.registered,
      noRoom: async () => webhook.noRoom,
      problem: async () => webhook.problem,
      sync: async () => {
        webhook.syncs += 1;
        webhook.registered = !webhook.registered;
      },
      repair: async () => false,
    },
    announce: (subject, type, reason) => announced.push(`${type} ${reason} ${subject.metadata.name}`),
    failures: new Failures(() => clock.monotonic(), silentLog()),
    isLeading: () => true,
    now: () => clock.now(),
  };
  return { kube, clock, brokers, context, announced, webhook };
}

export function putSession(kube: FakeKube, name: string, spec: Partial<SplitSessionSpec> = {}): SplitSession {
  return kube.put<SplitSession>(SPLIT_SESSIONS, {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'SplitSession',
    metadata: { name, namespace: 'shop', finalizers: [FINALIZER] },
    spec: {
      target: TARGET,
      queues: [{ id: 'orders', kind: 'SQS', filter: { tenant: `^${name}$` }, mode: 'steal' }],
      ...spec,
    },
  });
}

export function sqsQueue(key: string, more: Partial<SplitQueue> = {}): SplitQueue {
  return {
    key,
    id: key,
    kind: 'SQS',
    connection: {},
    variables: [
      { container: 'app', variable: `${key.toUpperCase()}_QUEUE`, format: 'Plain', original: key, origin: '' },
    ],
    groupVariables: [],
    original: { name: key, url: `https://sqs/${key}` },
    fallback: { name: `mirrord-1-fallback-${key}`, url: `https://sqs/mirrord-1-fallback-${key}` },
    routes: [],
    forwarding: 'Hold',
    ...more,
  };
}

export function putSplit(
  kube: FakeKube,
  spec: Partial<WorkloadSplitSpec> = {},
  name = 'deployment-orders-worker',
): WorkloadSplit {
  const uid = `uid-of-${name}`;
  return kube.put<WorkloadSplit>(WORKLOAD_SPLITS, {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'WorkloadSplit',
    metadata: { name, namespace: 'shop', uid, finalizers: [FINALIZER] },
    spec: {
      target: { ...TARGET, uid: 'deployment-uid', selector: { matchLabels: { app: 'orders-worker' } } },
      incarnation: { clusterUid: CLUSTER_UID, selfUid: uid },
      phase: 'Preparing',
      revision: 1,
      environmentRevision: 0,
      environment: [],
      queues: [],
      resources: [],
      phaseSince: '2026-01-01T00:00:00.000Z',
      settings: { ttlSeconds: 0, restartTimeoutSeconds: 60 },
      ...spec,
    },
  });
}

/** One ReplicaSet, and a rollout that is complete. */
export function putDeployment(kube: FakeKube, more: { replicas?: number; spec?: object; status?: object } = {}): void {
  const { replicas = 2, spec = {}, status = {} } = more;
  const labels = { app: 'orders-worker' };
  const environment = [{ name: 'ORDERS_QUEUE', value: 'orders' }];
  kube.put(DEPLOYMENTS, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'orders-worker', namespace: 'shop', uid: 'deployment-uid', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', env: environment }] } },
      ...spec,
    },
    status: { observedGeneration: 1, replicas, updatedReplicas: replicas, ...status },
  });
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker', uid: 'deployment-uid' }];
  kube.put(REPLICA_SETS, { metadata: { name: 'orders-worker-1', namespace: 'shop', uid: 'set-uid', ownerReferences } });
}

export function putPod(
  kube: FakeKube,
  name: string,
  more: { token?: string; set?: string; restartedAt?: string; terminating?: boolean; status?: object } = {},
): void {
  const { token, set = 'set-uid', restartedAt, terminating, status = {} } = more;
  kube.put(PODS, {
    metadata: {
      name,
      namespace: 'shop',
      uid: `${name}-uid`,
      labels: { app: 'orders-worker', ...(token ? { [PATCHED_LABEL]: token } : {}) },
      annotations: restartedAt ? { [RESTARTED_AT_ANNOTATION]: restartedAt } : {},
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'set', uid: set, controller: true }],
      ...(terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    status: { conditions: [{ type: 'Ready', status: 'True' }], ...status },
  });
}
