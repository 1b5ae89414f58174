// What a finished play must show: histories that the checker accepts, and a world that is as it was. The allowed differences are listed here.
import assert from 'node:assert/strict';
import { judge } from '../../checker/checker.ts';
import { type History, readProduced, readReceived, type WorkloadLine } from '../../checker/history.ts';
import {
  type Allowance,
  describeDifferences,
  diffSnapshots,
  mergeSnapshots,
  type Snapshot,
  snapshotKafka,
  snapshotSqs,
} from '../../checker/snapshot.ts';
import { snapshotCluster } from '../../checker/snapshot-cluster.ts';
import { verdictFaults, verdictTable } from '../../checker/table.ts';
import { INVOICES_QUEUE, INVOICES_WORKER, ORDERS_QUEUE, ORDERS_WORKER, SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { OPERATOR_NAMESPACE } from './installation.ts';
import type { PlayedSession } from './session.ts';
import { type Stage, TOPIC } from './stage.ts';

/** Everything else must be equal to the letter; that the workload reads its original again is seen in its pods and its template. */
export const ALLOWED: Allowance[] = [
  {
    path: /^kafka\/topic\/__transaction_state/,
    because: 'the broker makes its own transaction log when anybody uses a transaction for the first time',
  },
  {
    path: /^sqs\/(orders|invoices)\/ApproximateNumberOfMessages/,
    because: 'the producers never pause, so the first picture has messages in flight',
  },
  {
    path: /deployments\.apps\/orders-worker\/annotation\/deployment\.kubernetes\.io\/revision$/,
    because: 'Kubernetes counts every change of a template, also one that is taken back',
  },
  {
    path: /replicasets\.apps\/orders-worker-[^/]+\/annotation\/deployment\.kubernetes\.io\/revision/,
    because: 'the same count, on the ReplicaSet that the workload went back to',
  },
  {
    path: /^cluster\/shop\/replicasets\.apps\/orders-worker-/,
    because: 'a Deployment keeps the ReplicaSet of our restart, with no pod, until revisionHistoryLimit drops it',
  },
];

/** Where pods of ours were replaced in a play. */
export const NEW_FORWARDERS: Allowance = {
  path: /^cluster\/mirrord\/leases\.coordination\.k8s\.io\/queue-splitter-forwarder-/,
  because: 'every forwarder has a lease of its own name, and these are new pods',
};

export function historyOf(stage: Stage, sessions: readonly Pick<PlayedSession, 'lines'>[]): History {
  const workloads: WorkloadLine[] = [
    { reader: ORDERS_WORKER, kind: 'sqs', source: ORDERS_QUEUE },
    { reader: INVOICES_WORKER, kind: 'sqs', source: INVOICES_QUEUE },
    ...(stage.kafka ? [{ reader: ORDERS_WORKER, kind: 'kafka', source: TOPIC } as const] : []),
  ];
  return {
    produced: readProduced(stage.producer.file),
    received: readReceived(stage.collector.file),
    sessions: sessions.flatMap((session) => session.lines()),
    workloads,
  };
}

export function assertClean(history: History): void {
  const verdict = judge(history);
  assert.ok(verdict.ok, `${verdictTable(history)}\n${verdictFaults(verdict).join('\n')}`);
}

/** `branches`: names of further shops, see branch.ts. */
export async function snapshotWorld(stage: Stage, branches: readonly string[] = []): Promise<Snapshot> {
  const namespaces = [SHOP_NAMESPACE, OPERATOR_NAMESPACE, ...branches];
  const parts = [
    await snapshotSqs(stage.sqs.client()),
    await snapshotCluster((args) => stage.cluster.kubectl(args), { namespaces }),
  ];
  if (stage.kafka) {
    const admin = stage.kafka.client().admin();
    await admin.connect();
    parts.push(await snapshotKafka(admin));
    await admin.disconnect();
  }
  return mergeSnapshots(...parts);
}

export function assertRestored(before: Snapshot, after: Snapshot, allowed: readonly Allowance[] = ALLOWED): void {
  const { differences } = diffSnapshots(before, after, allowed);
  assert.equal(differences.length, 0, `not as before:\n${describeDifferences(differences)}`);
}
