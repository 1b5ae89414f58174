// What nobody can clean up in the ordinary way: a split whose finalizer somebody took off, a namespace that is deleted while its broker does not
// answer, a clean-up Job that is killed. Messages go back to the original, and everything is as it was before.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import type { Allowance, Snapshot } from '../checker/snapshot.ts';
import { type Branch, openBranch, withBranches } from '../cluster/stage/branch.ts';
import { dieInTurn, scaleOwn, signalPod } from '../cluster/stage/crash.ts';
import { deathsIn } from '../cluster/stage/deaths.ts';
import { OPERATOR_NAMESPACE, uninstallChart } from '../cluster/stage/installation.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { readPods, readSplits, untilReceived, untilRestored, webhookEntries } from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession, readSession } from '../cluster/stage/session.ts';
import { untilSettled } from '../cluster/stage/settled.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import { ALLOWED, assertClean, assertRestored, historyOf, snapshotWorld } from '../cluster/stage/verdict.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

const NORTH = 'north';
const DEADLINE_SECONDS = 10;
const UNINSTALLING = 'queue-splitter-uninstalling';

let stage: Stage;
let north: Branch;
let world: Snapshot;
const sessions: PlayedSession[] = [];
before(async () => {
  const values = { 'cleanup.graceSeconds': '6', 'cleanup.deadlineSeconds': String(DEADLINE_SECONDS) };
  stage = await openStage({ values });
  north = await openBranch(stage, NORTH);
  await untilSettled(stage, [NORTH]);
  world = await snapshotWorld(stage, [NORTH]);
});
after(async () => {
  await closeStage(stage);
});

async function play(name: string): Promise<PlayedSession> {
  const session = await createSession(stage, { name, filter: { tenant: 'alice' } });
  sessions.push(session);
  await session.ready();
  return session;
}

async function temporaryQueues(): Promise<string[]> {
  const client = stage.sqs.client();
  const { QueueUrls: urls = [] } = await client.send(new ListQueuesCommand({ QueueNamePrefix: 'mirrord-' }));
  client.destroy();
  return urls;
}

async function memories(): Promise<string> {
  const args = ['get', 'leases', '-n', OPERATOR_NAMESPACE, '-l', 'queuesplitter.dev/memory', '-o', 'name'];
  return (await stage.cluster.kubectl(args)).trim();
}

async function untilCollected(): Promise<void> {
  await waitFor(
    'what was left behind to be collected',
    async () => (await temporaryQueues()).length === 0 && (await memories()) === '',
    { deadlineMs: 90_000, intervalMs: 500 },
  );
}

/** The Event that tells of it may have died with its controller. */
async function handedOver(): Promise<string> {
  const args = ['get', 'leases', '-n', OPERATOR_NAMESPACE, '-l', 'queuesplitter.dev/memory'];
  return await stage.cluster.kubectl([
    ...args,
    '-o',
    'jsonpath={.items[*].metadata.annotations.queuesplitter\\.dev/memory}',
  ]);
}

test('a split whose finalizer is taken off: its messages go back, and nothing of it stays', async () => {
  const { cluster } = stage;
  const alice = await play('alice');
  const worker = await alice.startWorker();
  await untilReceived(stage, 'alice', 3);
  // From now on orders lie in the session queue.
  worker.signal('SIGKILL');
  const [split] = await readSplits(stage, SHOP_NAMESPACE);
  assert.ok(split);
  const { name } = split.metadata;
  const lostAt = Date.now();
  await cluster.kubectl(['delete', 'splitsession', 'alice', '-n', SHOP_NAMESPACE, '--wait=false']);
  await cluster.kubectl(['delete', 'workloadsplit', name, '-n', SHOP_NAMESPACE, '--wait=false']);
  const noFinalizers = JSON.stringify({ metadata: { finalizers: null } });
  await cluster.kubectl(['patch', 'workloadsplit', name, '-n', SHOP_NAMESPACE, '--type=merge', '-p', noFinalizers]);
  // They are collected when they have been seen without an owner for a while: a moment later they might be gone.
  assert.notEqual((await temporaryQueues()).length, 0);
  await alice.ended(lostAt, 60_000);
  await untilCollected();
  assert.ok(!(await webhookEntries(stage)).join().includes(split.metadata.uid ?? 'none'));
  const template = [
    'get',
    'deployment',
    ORDERS_WORKER,
    '-n',
    SHOP_NAMESPACE,
    '-o',
    'jsonpath={.spec.template.metadata}',
  ];
  assert.doesNotMatch(await cluster.kubectl(template), /restarted-at/);
  await cluster.kubectl(['rollout', 'status', `deployment/${ORDERS_WORKER}`, '-n', SHOP_NAMESPACE, '--timeout=60s']);
});

test('a namespace does not wait for a broker that stays away; its messages go back when the broker answers', async () => {
  const { cluster, sqs } = stage;
  const session = await north.session({ name: 'north-alice', filter: { tenant: 'alice' } });
  await session.ready();
  const worker = await session.startWorker();
  await untilReceived(stage, 'north-alice', 3);
  worker.signal('SIGKILL');
  await scaleOwn(stage, 'controller', 0);
  sqs.process().signal('SIGSTOP');
  const deletedAt = Date.now();
  try {
    await cluster.kubectl(['delete', 'namespace', NORTH, '--wait=false']);
    await dieInTurn(stage, deathsIn('handOver', ['SQS']), 120_000);
    const isGone = async () => (await cluster.kubectl(['get', 'namespace', NORTH, '--ignore-not-found'])) === '';
    await waitFor('the namespace to be gone', isGone, { deadlineMs: 90_000, intervalMs: 500 });
    // It is forgotten as soon as the broker answers and has nothing of it any more.
    assert.match(await handedOver(), /"handedOver":true/);
  } finally {
    sqs.process().signal('SIGCONT');
  }
  await session.ended(deletedAt, 10_000);
  assert.ok(Date.now() - deletedAt >= DEADLINE_SECONDS * 1000, 'not before the deadline');
  await untilCollected();
  await north.deploy();
  await north.finish();
});

test('a clean-up Job that is killed in mid-session stops nobody for long, and helm uninstall can be called again', async () => {
  const { cluster } = stage;
  const bob = await play('bob');
  const startedAt = Date.now();
  const uninstalling = uninstallChart(cluster).then(
    () => 'done',
    (error: unknown) => String(error),
  );
  const job = await waitFor(
    'the mark of the Job',
    async () => {
      const mark = await cluster.kubectl([
        'get',
        'lease',
        UNINSTALLING,
        '-n',
        OPERATOR_NAMESPACE,
        '--ignore-not-found',
      ]);
      return mark !== '' && (await readPods(stage, OPERATOR_NAMESPACE, 'app.kubernetes.io/component=uninstall'))[0];
    },
    { deadlineMs: 60_000, intervalMs: 100 },
  );
  await bob.ended(startedAt, 30_000);
  assert.notEqual(signalPod(job, 'SIGKILL'), 0);
  assert.match(await uninstalling, /Job Failed|pre-delete/);
  const isMarked = async () =>
    (await cluster.kubectl(['get', 'lease', UNINSTALLING, '-n', OPERATOR_NAMESPACE, '--ignore-not-found'])) !== '';
  assert.equal(await isMarked(), true, 'the Job could not take it away');
  await untilRestored(stage, SHOP_NAMESPACE);
  await waitFor('the mark to go', async () => !(await isMarked()), { deadlineMs: 120_000, intervalMs: 1_000 });
  const carol = await play('carol');
  assert.equal((await readSession(stage, 'carol'))?.status?.phase, 'Ready');
  await carol.end();
  await untilRestored(stage, SHOP_NAMESPACE);
});

const NEW: Allowance[] = [
  ...ALLOWED,
  {
    path: /^cluster\/north\/(replicasets|deployments)\.apps\/.*/,
    because: 'its namespace was deleted and made again',
  },
  { path: /^sqs\/north\/ApproximateNumberOfMessages/, because: 'its producers do not pause either' },
  {
    path: /^cluster\/mirrord\/(jobs\.batch|serviceaccounts|roles\.rbac\.authorization\.k8s\.io|rolebindings\.rbac\.authorization\.k8s\.io)\/queue-splitter-uninstall/,
    because: 'what a hook that failed has made stays, for whoever looks into it, until the next one',
  },
  {
    path: /^cluster\/mirrord\/pods\/any\/(app\.kubernetes\.io\/component\/uninstall|(batch\.kubernetes\.io\/)?(controller-uid|job-name)\/)/,
    because: 'so does the pod of its Job, of which the snapshot has the labels',
  },
  {
    path: /^cluster\/mirrord\/secrets\/sh\.helm\.release\.v1\.queue-splitter\.v1\//,
    because: 'helm writes down that it began to uninstall',
  },
];

test('no message is lost, and the world is as it was', async () => {
  await stage.finish();
  assertClean(withBranches(historyOf(stage, sessions), [north]));
  assertRestored(world, await snapshotWorld(stage, [NORTH]), NEW);
});
