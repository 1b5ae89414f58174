// Everybody around the controller, on the API in memory: a Deployment with two pods, its controller and the webhook, and a forwarder that has
// always done already what is wanted. One SQS queue, `orders`.
import { FORWARDER_LABEL, RESTARTED_AT_ANNOTATION } from '../../../api/constants.ts';
import type { ForwarderQueueStatus, SplitQueue, WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import type { Lease } from '../../../common/kube/lease.ts';
import { DEPLOYMENTS, LEASES, PODS, WORKLOAD_SPLITS } from '../../../common/kube/resources.ts';
import type { Resolution } from '../../../controller/decide/observed.ts';
import { Heartbeats } from '../../../controller/observe/heartbeats.ts';
import type { ObserverOptions } from '../../../controller/observe/observe.ts';
import { Steady } from '../../../controller/observe/steady.ts';
import { type Bench, OPERATOR, putDeployment, putPod } from './bench.ts';
import { SETTINGS } from './facts.ts';
import type { FakeKube } from './fake-kube.ts';

export const SPLIT = { name: 'deployment-orders-worker', namespace: 'shop' };

const FORWARDER = 'forwarder-1';
const WORKERS = ['worker-1', 'worker-2'];
const STATES = { Hold: 'Holding', Forward: 'Forwarding', Stop: 'Stopped', Return: 'Returned' } as const;

const RESOLUTION: Resolution = {
  queues: [
    {
      key: 'orders',
      id: 'orders',
      kind: 'SQS',
      filter: { tenant: '^alice$' },
      original: { name: 'orders', url: 'https://sqs/orders' },
      identity: 'arn of orders',
      connection: {},
      variables: [
        { container: 'app', variable: 'ORDERS_QUEUE', format: 'Plain', original: 'orders', origin: 'template' },
      ],
      groupVariables: [],
      tags: {},
    },
  ],
  restartTimeoutSeconds: 60,
  ttlSeconds: 0,
};

export function observerOf({ clock }: Bench): Omit<ObserverOptions, 'leaseVersion' | 'isForwarderAway'> {
  return {
    heartbeats: new Heartbeats(() => clock.monotonic()),
    steady: new Steady(() => clock.monotonic()),
    resolve: async () => RESOLUTION,
    emptyConfirmationMs: { SQS: 2000, Kafka: 0 },
    settings: () => ({ ...SETTINGS, restoreConfirmationMs: 2000 }),
  };
}

export function putTarget(kube: FakeKube): void {
  putDeployment(kube);
  for (const name of WORKERS) putPod(kube, name);
}

/** As the end of its namespace does. */
export function removeTarget(kube: FakeKube): void {
  for (const name of WORKERS) kube.remove(PODS, { name, namespace: 'shop' });
  kube.remove(DEPLOYMENTS, { name: 'orders-worker', namespace: 'shop' });
}

/** Everybody does what they can now. */
export function everybodyElse(kube: FakeKube): void {
  rollout(kube);
  renew(kube);
  forward(kube);
}

/** The forwarder's sign of life. */
function renew(kube: FakeKube): void {
  const name = { name: FORWARDER, namespace: OPERATOR };
  const renewals = Number(kube.peek<Lease>(LEASES, name)?.spec.renewTime ?? 0) + 1;
  const metadata = { ...name, labels: { [FORWARDER_LABEL]: 'true' } };
  kube.put(LEASES, { metadata, spec: { holderIdentity: FORWARDER, renewTime: String(renewals) } });
}

type Annotated = { metadata?: { annotations?: Record<string, string> } };

/** The Deployment's controller and the webhook: pods of the current template, patched while their split wants it. */
function rollout(kube: FakeKube): void {
  const target = kube.peek<{ spec: { template: Annotated } }>(DEPLOYMENTS, {
    name: 'orders-worker',
    namespace: 'shop',
  });
  if (!target) return;
  const restartedAt = restartOf(target.spec.template);
  const token = restartedAt && kube.peek<WorkloadSplit>(WORKLOAD_SPLITS, SPLIT)?.spec.token;
  for (const name of WORKERS) {
    const pod = kube.peek<Annotated>(PODS, { name, namespace: 'shop' });
    if (pod && restartOf(pod) === restartedAt) continue;
    kube.remove(PODS, { name, namespace: 'shop' });
    putPod(kube, name, { ...(restartedAt ? { restartedAt } : {}), ...(token ? { token } : {}) });
  }
}

function restartOf({ metadata }: Annotated): string | undefined {
  return metadata?.annotations?.[RESTARTED_AT_ANNOTATION];
}

function forward(kube: FakeKube): void {
  const split = kube.peek<WorkloadSplit>(WORKLOAD_SPLITS, SPLIT);
  if (!split || split.status?.forwarder?.acknowledgedRevision === split.spec.revision) return;
  const queues = split.spec.queues.map(({ key, forwarding, routes }: SplitQueue): ForwarderQueueStatus => {
    const ending = routes.filter((route) => route.ending);
    return { key, state: STATES[forwarding], returned: ending.map(({ sessionUid }) => ({ sessionUid, messages: 0 })) };
  });
  const forwarder = { holder: FORWARDER, acknowledgedRevision: split.spec.revision, queues };
  kube.put(WORKLOAD_SPLITS, { ...split, status: { ...split.status, forwarder } });
}
