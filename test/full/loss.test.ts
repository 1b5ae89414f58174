// Ends that nobody asked for: a developer who vanishes, a namespace, a target, a split or the whole chart that is deleted in mid-session.
// Each leaves everything as it was before, and no message is lost. The shops live side by side, so that their waits are one wait. All of it
// together needs every right that a chart without Kafka grants, and no other: the audit log says so at the end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { FORWARDER_LABEL, PATCHED_LABEL, TOKEN_PREFIX } from '../../api/constants.ts';
import type { Allowance, Snapshot } from '../checker/snapshot.ts';
import { askWebhook } from '../cluster/stage/admission.ts';
import { type Grant, readAudit, readGrants, refusedRequests, unusedGrants } from '../cluster/stage/audit.ts';
import { type Branch, openBranch, withBranches } from '../cluster/stage/branch.ts';
import { startHeart } from '../cluster/stage/heart.ts';
import { installChart, OPERATOR_NAMESPACE, uninstallChart } from '../cluster/stage/installation.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import {
  ownLeases,
  ownPods,
  readPods,
  readSplits,
  untilReceived,
  untilRestored,
  untilTold,
  webhookEntries,
} from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession, readSession } from '../cluster/stage/session.ts';
import { untilSettled } from '../cluster/stage/settled.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import {
  ALLOWED,
  assertClean,
  assertRestored,
  historyOf,
  NEW_FORWARDERS,
  snapshotWorld,
} from '../cluster/stage/verdict.ts';
import { ORDERS_QUEUE_ID, ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

const BRANCHES = ['north', 'east', 'south', 'west'] as const;
const HEARTBEAT_SECONDS = 10;
/** The chart's own number of replicas. */
const FORWARDERS = 2;

/** The rights that only Kafka needs are proved where Kafka is played. */
const VALUES = { 'operator.kafkaSplitting': 'false' };

let stage: Stage;
let world: Snapshot;
let grants: Grant[];
const branches = new Map<string, Branch>();
const mainSessions: PlayedSession[] = [];
before(async () => {
  stage = await openStage({ values: VALUES });
  for (const branch of await Promise.all(BRANCHES.map((name) => openBranch(stage, name)))) {
    branches.set(branch.name, branch);
  }
  await untilSettled(stage, BRANCHES);
  world = await snapshotWorld(stage, BRANCHES);
  grants = await readGrants(stage);
});
after(async () => {
  await closeStage(stage);
});

/** A session that is Ready and whose local process has got some orders. */
async function begin(branch: Branch, session: PlayedSession) {
  await session.ready();
  const worker = await session.startWorker();
  await untilReceived(stage, session.name, 3);
  const [split] = await readSplits(stage, branch.name);
  assert.ok(split);
  return { worker, split };
}

function branchOf(name: (typeof BRANCHES)[number]): Branch {
  const branch = branches.get(name);
  assert.ok(branch);
  return branch;
}

async function queuesOf(branch: Branch): Promise<string[]> {
  const client = stage.sqs.client();
  const { QueueUrls: urls = [] } = await client.send(new ListQueuesCommand({ MaxResults: 1000 }));
  client.destroy();
  return urls.map((url) => url.slice(url.lastIndexOf('/') + 1)).filter((name) => name.includes(branch.name));
}

async function claimsOf(branch: Branch): Promise<string[]> {
  const leases = await stage.cluster.kubectlJson<{ items: { metadata: { annotations?: Record<string, string> } }[] }>([
    ...['get', 'leases', '-n', OPERATOR_NAMESPACE, '-l', 'queuesplitter.dev/claim'],
  ]);
  return leases.items
    .map(({ metadata }) => metadata.annotations?.['queuesplitter.dev/holder'] ?? '')
    .filter((holder) => holder.startsWith(`${branch.name}/`));
}

describe('in mid-session', { concurrency: true }, () => {
  test('a developer vanishes: the session ends by its heartbeat', async () => {
    const branch = branchOf('north');
    const session = await branch.session({
      name: 'north-alice',
      filter: { tenant: 'alice' },
      heartbeatSeconds: HEARTBEAT_SECONDS,
    });
    const heart = await startHeart(stage, session);
    const { worker } = await begin(branch, session);
    worker.signal('SIGKILL');
    await session.ended(await heart.stop(), 90_000);
    await untilRestored(stage, branch.name);
    await untilTold(stage, branch.name, new RegExp(`no heartbeat for ${HEARTBEAT_SECONDS} s`));
    await branch.finish();
    assertClean(branch.history());
  });

  test('the namespace is deleted: it goes at once, and its messages go back to the original', async () => {
    const branch = branchOf('south');
    const session = await branch.session({ name: 'south-alice', filter: { tenant: 'alice' } });
    const { worker, split } = await begin(branch, session);
    const deletedAt = Date.now();
    await stage.cluster.kubectl(['delete', 'namespace', branch.name, '--wait=false']);
    await session.ended(deletedAt, 60_000);
    await waitFor(
      'the namespace to be gone',
      async () => (await stage.cluster.kubectl(['get', 'namespace', branch.name, '--ignore-not-found'])) === '',
      { deadlineMs: 60_000, intervalMs: 500 },
    );
    await worker.stop(10_000);
    assert.deepEqual(await queuesOf(branch), [branch.name]);
    assert.deepEqual(await claimsOf(branch), []);
    assert.ok(!(await webhookEntries(stage)).join().includes(split.metadata.uid ?? ''));
    await branch.deploy();
    await branch.finish();
    assertClean(branch.history());
  });

  test('the target is deleted: its messages go back to the original', async () => {
    const branch = branchOf('east');
    const session = await branch.session({ name: 'east-alice', filter: { tenant: 'alice' } });
    const { worker } = await begin(branch, session);
    const deletedAt = Date.now();
    await stage.cluster.kubectl(['delete', 'deployment', branch.name, '-n', branch.name]);
    const status = await waitForFailure(session);
    assert.match(status, /Deployment east was deleted/);
    await worker.stop(10_000);
    await untilRestored(stage, branch.name);
    await stage.cluster.kubectl(['delete', 'splitsession', session.name, '-n', branch.name]);
    await session.ended(deletedAt, 30_000);
    assert.deepEqual(await queuesOf(branch), [branch.name]);
    assert.deepEqual(await claimsOf(branch), []);
    await branch.deploy();
    await branch.finish();
    assertClean(branch.history());
  });

  test('somebody deletes the WorkloadSplit: the sessions are told, and the target is restored', async () => {
    const branch = branchOf('west');
    const session = await branch.session({ name: 'west-alice', filter: { tenant: 'alice' } });
    const { worker, split } = await begin(branch, session);
    const deletedAt = Date.now();
    const command = ['delete', 'workloadsplit', split.metadata.name, '-n', branch.name, '--wait=false'];
    await stage.cluster.kubectl(command);
    assert.match(await waitForFailure(session), /was deleted, so the target goes back to its original queues/);
    await worker.stop(10_000);
    await untilRestored(stage, branch.name);
    await stage.cluster.kubectl(['delete', 'splitsession', session.name, '-n', branch.name]);
    await session.ended(deletedAt, 30_000);
    // As they were told to.
    const next = await branch.session({ name: 'west-bob', filter: { tenant: 'bob' } });
    await next.ready();
    await next.end();
    await untilRestored(stage, branch.name);
    await branch.finish();
    assertClean(branch.history());
  });
});

async function waitForFailure({ name, namespace }: PlayedSession): Promise<string> {
  const status = await waitFor(
    `session ${name} to be told`,
    async () => {
      const seen = (await readSession(stage, name, namespace))?.status;
      return seen?.phase === 'Failed' && seen;
    },
    { deadlineMs: 60_000 },
  );
  return status.message ?? '';
}

test('helm uninstall in mid-session puts everything back, keeps the definitions, and the chart can be installed again', async () => {
  const { cluster } = stage;
  const alice = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' } });
  await alice.ready();
  const worker = await alice.startWorker();
  await untilReceived(stage, 'alice', 5);
  const uninstalledAt = Date.now();
  await uninstallChart(cluster);
  await worker.stop(10_000);
  await alice.ended(uninstalledAt, 5_000);
  assert.deepEqual(await readSplits(stage), []);
  const kinds = 'deployments,jobs,secrets,serviceaccounts,roles,clusterroles,mutatingwebhookconfigurations';
  const left = ['get', kinds, '-A', '-l', 'app.kubernetes.io/name=queue-splitter', '-o', 'name'];
  assert.equal(await cluster.kubectl(left), '', 'objects that the chart left');
  assert.match(await cluster.kubectl(['get', 'crd', '-o', 'name']), /workloadsplits\.queuesplitter\.dev/);
  await installChart(cluster, stage.sqs.environment, VALUES);
  mainSessions.push(alice);
});

test('a MirrordSqsSession that somebody creates is a session like any other', async () => {
  const { cluster } = stage;
  const name = 'bob';
  const queueConsumer = { name: ORDERS_WORKER, workloadType: 'Deployment' };
  const spec = {
    sessionId: '0123456789ABCDEF',
    queueConsumer,
    queueFilters: { [ORDERS_QUEUE_ID]: { tenant: '^bob$' } },
  };
  const metadata = { name, namespace: SHOP_NAMESPACE };
  await cluster.apply([
    { apiVersion: 'queues.mirrord.metalbear.co/v1alpha', kind: 'MirrordSqsSession', metadata, spec },
  ]);
  const read = () =>
    cluster.kubectl(['get', 'mirrordsqssession', name, '-n', SHOP_NAMESPACE, '-o', 'jsonpath={.status}']);
  await waitFor('it to be Ready', async () => /"Ready":\{/.test(await read()), {
    deadlineMs: 120_000,
    intervalMs: 500,
  });
  await cluster.kubectl(['delete', 'mirrordsqssession', name, '-n', SHOP_NAMESPACE, '--timeout=90s']);
  await untilRestored(stage);
});

test('an entry whose split is gone blocks nobody: the replica asks the API server and admits the pod as it is', async () => {
  // Pods of the chart that was there before may still be on their way out.
  const replica = (await ownPods(stage, 'webhook')).find(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && status.containerStatuses?.[0]?.ready === true,
  );
  const address = replica?.status.podIP;
  assert.ok(address);
  const { response } = await askWebhook(stage.cluster, address, '/mutate/north/deployment-gone/uid/7', 'north');
  assert.equal(response.allowed, true);
  assert.equal(response.patch, undefined);
});

test('a pod that carries the token of a split that does not exist is replaced', async () => {
  const [name = ''] = await ownPodNames();
  await stage.cluster.kubectl(['label', 'pod', name, '-n', SHOP_NAMESPACE, `${PATCHED_LABEL}=${TOKEN_PREFIX}stray`]);
  await waitFor(
    'the pod to be replaced',
    async () => {
      const names = await ownPodNames();
      return !names.includes(name) && names.length === 3;
    },
    { deadlineMs: 60_000 },
  );
});

async function ownPodNames(): Promise<string[]> {
  return (await readPods(stage, SHOP_NAMESPACE, `app=${ORDERS_WORKER}`)).map(({ metadata }) => metadata.name);
}

test('forwarders that are replaced give up their Leases, so that others take over at once', async () => {
  const before = new Set(await ownLeases(stage, FORWARDER_LABEL));
  assert.ok(before.size >= FORWARDERS);
  await stage.cluster.kubectl([
    'delete',
    'pod',
    '-n',
    OPERATOR_NAMESPACE,
    '-l',
    'app.kubernetes.io/component=forwarder',
  ]);
  await waitFor(
    'new forwarders, and no Lease of an old one',
    async () => {
      const now = await ownLeases(stage, FORWARDER_LABEL);
      return now.length === FORWARDERS && now.every((lease) => !before.has(lease));
    },
    { deadlineMs: 60_000 },
  );
});

/** After a deletion by somebody else, or an installation, some things are new; everything else is as it was. */
const NEW: Allowance[] = [
  ...ALLOWED,
  {
    path: /^cluster\/(north|east|south|west)\/(replicasets|deployments)\.apps\/.*/,
    because: 'restarts leave an old ReplicaSet and a higher revision; two of these Deployments are new altogether',
  },
  NEW_FORWARDERS,
  {
    path: /^sqs\/(north|east|south|west)\/ApproximateNumberOfMessages/,
    because: 'their producers do not pause either',
  },
  {
    path: /^cluster\/mirrord\/services\/queue-splitter-webhook\/spec$/,
    because: 'a new Service has a new address',
  },
  {
    path: /^cluster\/mirrord\/secrets\/(queue-splitter-webhook-ca|sh\.helm\.release\.v1\.queue-splitter\.v1)\/(data|label\/modifiedAt)$/,
    because: 'a new installation has a new certificate authority and a new release record',
  },
];

test('no message is lost, and the world is as it was', async () => {
  await stage.finish();
  assertClean(withBranches(historyOf(stage, mainSessions), branches.values()));
  assertRestored(world, await snapshotWorld(stage, BRANCHES), NEW);
});

test('our service accounts were refused nothing, and needed every right that they have', () => {
  const lines = readAudit(stage);
  const found = { refused: refusedRequests(lines), unused: unusedGrants(grants, lines) };
  assert.deepEqual(found, { refused: [], unused: [] });
});
