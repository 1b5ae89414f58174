// What cannot be split is refused with a sentence that says what to do, and leaves nothing behind: no split, no queue, no claim, no entry.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Snapshot } from '../checker/snapshot.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { readSplits, untilReceived, untilRestored, webhookEntries } from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession, type SessionRequest } from '../cluster/stage/session.ts';
import { untilSettled } from '../cluster/stage/settled.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import { assertClean, assertRestored, historyOf, snapshotWorld } from '../cluster/stage/verdict.ts';
import { INVOICES_WORKER, ORDERS_QUEUE, SHOP_NAMESPACE } from '../shop/manifests.ts';

let stage: Stage;
let world: Snapshot;
let alice: PlayedSession;
before(async () => {
  stage = await openStage();
  await stage.cluster.apply([
    { apiVersion: 'v1', kind: 'Secret', metadata: inShop('secret-names'), stringData: { queue: ORDERS_QUEUE } },
    ...workload('secretive', {
      name: 'ORDERS_QUEUE',
      valueFrom: { secretKeyRef: { name: 'secret-names', key: 'queue' } },
    }),
    ...workload('misled', { name: 'ORDERS_QUEUE', value: 'no-such-queue' }),
    ...workload('nameless', { name: 'SOMETHING_ELSE', value: ORDERS_QUEUE }),
    ...workload('resting', { name: 'ORDERS_QUEUE', value: ORDERS_QUEUE }, { paused: true }),
    // Its namespace admits no pod without a security context, so its rollout never gets anywhere.
    ...workload('stuck', { name: 'ORDERS_QUEUE', value: ORDERS_QUEUE }, { replicas: 1 }),
    ...workload('copycat', { name: 'ORDERS_QUEUE', value: ORDERS_QUEUE }),
  ]);
  await untilSettled(stage);
  world = await snapshotWorld(stage);
});
after(async () => {
  await closeStage(stage);
});

type Case = Omit<SessionRequest, 'name' | 'filter'> & {
  what: string;
  filter?: SessionRequest['filter'];
  reason: string;
  /** What the sentence must name, and what it must tell people to do. */
  says: RegExp[];
};

const CASES: Case[] = [
  {
    what: 'a queue id that is not declared',
    ids: { SQS: 'parcels-queue' },
    reason: 'UnknownQueueId',
    says: [/no queue id parcels-queue/, /declared are orders-queue \(SQS\)/],
  },
  {
    what: 'all topics of a target that has none',
    kinds: ['Kafka'],
    ids: { Kafka: '*' },
    reason: 'NoQueuesFound',
    says: [/all Kafka queues/, /declared are orders-queue \(SQS\)/],
  },
  {
    what: 'a target without a registry',
    target: INVOICES_WORKER,
    reason: 'RegistryMissing',
    says: [/which queues Deployment invoices-worker reads/, /Deployment orders-worker/, /Create one/],
  },
  {
    what: 'a target that does not exist',
    target: 'nobody',
    reason: 'TargetNotFound',
    says: [/Deployment nobody does not exist in namespace shop/, /check target and namespace/],
  },
  {
    what: 'a filter that is no regular expression',
    filter: { tenant: 'alice(' },
    reason: 'InvalidFilter',
    says: [/tenant/, /alice\(/],
  },
  {
    what: 'a queue name that is in a Secret',
    target: 'secretive',
    reason: 'VariableUnreadable',
    says: [/ORDERS_QUEUE of container worker/, /secret-names/, /ConfigMap/],
  },
  {
    what: 'a variable that the target does not have',
    target: 'nameless',
    reason: 'VariableMissing',
    says: [/ORDERS_QUEUE/, /containers looked at: worker/, /correct the queue's declaration/],
  },
  {
    what: 'a queue that does not exist',
    target: 'misled',
    reason: 'QueueNotFound',
    says: [/no-such-queue/],
  },
  {
    what: 'a target that is paused',
    target: 'resting',
    reason: 'TargetUnsupported',
    says: [/resting is paused/, /kubectl rollout resume/],
  },
  {
    what: 'a target in the middle of a rollout',
    target: 'stuck',
    reason: 'RolloutInProgress',
    says: [/stuck is in the middle of a rollout/, /0 of 1 pods/, /wait until it is done/],
  },
];

for (const [index, { what, reason, says, filter = { tenant: '^alice$' }, ...request }] of CASES.entries()) {
  test(`${what} is refused`, async () => {
    const session = await createSession(stage, { ...request, name: `refused-${index}`, filter });
    const status = await session.refused();
    assert.equal(status.reason, reason, status.message);
    for (const part of says) assert.match(status.message ?? '', part);
    assert.deepEqual(await readSplits(stage), []);
    assert.deepEqual(await webhookEntries(stage), []);
    await session.end(10_000);
  });
}

test('a second target of a queue that is split is refused with the name of the first', async () => {
  alice = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' } });
  await alice.ready();
  const worker = await alice.startWorker();
  const [first] = await readSplits(stage);
  assert.ok(first);
  const rival = await createSession(stage, { name: 'rival', filter: { tenant: '^bob$' }, target: 'copycat' });
  const status = await rival.refused();
  assert.equal(status.reason, 'OriginalClaimed', status.message);
  assert.ok(status.message?.includes(`${SHOP_NAMESPACE}/${first.metadata.name}`), status.message);
  await rival.end(15_000);
  await untilRestored(stage, SHOP_NAMESPACE, { except: first });
  await untilReceived(stage, 'alice', 5);
  await worker.stop(10_000);
  await alice.end();
  await untilRestored(stage);
});

test('nothing of all that is left, and every message found its reader', async () => {
  await stage.finish();
  assertClean(historyOf(stage, [alice]));
  assertRestored(world, await snapshotWorld(stage));
});

function inShop(name: string): { name: string; namespace: string } {
  return { name, namespace: SHOP_NAMESPACE };
}

/** A Deployment of no pods unless told, with one variable, and a registry that says the variable ORDERS_QUEUE holds a queue. */
function workload(name: string, variable: object, spec: object = {}): object[] {
  const labels = { app: name };
  const containers = [{ name: 'worker', image: 'nothing', env: [variable] }];
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: inShop(name),
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
        ...spec,
      },
    },
    {
      apiVersion: 'queues.mirrord.metalbear.co/v1alpha',
      kind: 'MirrordWorkloadQueueRegistry',
      metadata: inShop(`${name}-q-registry`),
      spec: {
        consumer: { name, workloadType: 'Deployment', container: 'worker' },
        queues: { 'orders-queue': { queueType: 'SQS', nameSource: { envVar: 'ORDERS_QUEUE' } } },
      },
    },
  ];
}
