// A drain with a limit, on the real cluster: the workload is scaled to nothing while records wait for it and the limit passes. `rewind`: its
// group goes back to the first of them, and the workload that comes later reads every one, and what an application sent to its fallback
// after that; what was read before may be read again. `drop`: they are gone with their topic, as was asked for, and the group stays where it
// was. Before that the original gets one more partition.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Admin } from 'kafkajs';
import { type ProducedLine, readProduced, readReceived } from '../checker/history.ts';
import { endLease, scaleOwn, startCrashPod, untilLeading } from '../cluster/stage/crash.ts';
import { installChart } from '../cluster/stage/installation.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { readPods, readSplits, untilReceived, untilRestored, untilTold } from '../cluster/stage/seen.ts';
import { createSession } from '../cluster/stage/session.ts';
import { untilSettled } from '../cluster/stage/settled.ts';
import { GROUP } from '../cluster/stage/shop.ts';
import { openStage, type Stage, TOPIC } from '../cluster/stage/stage.ts';
import { assertClean, assertRestored, historyOf, snapshotWorld } from '../cluster/stage/verdict.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { startProducer } from '../shop/programs.ts';
import type { KafkaBroker } from '../testbed/brokers/kafka.ts';
import { waitFor } from '../testbed/wait.ts';

const OWN_ORDERS = 10;

let stage: Stage;
const limited = (onDrainTimeout: 'rewind' | 'drop') => ({
  'kafka.drainTimeoutSeconds': '15',
  'kafka.onDrainTimeout': onDrainTimeout,
});
before(async () => {
  stage = await openStage({ kafka: true, values: limited('rewind') });
});
after(async () => {
  await closeStage(stage);
});

const scale = (replicas: number): Promise<string> =>
  stage.cluster.kubectl(['scale', `deployment/${ORDERS_WORKER}`, '-n', SHOP_NAMESPACE, `--replicas=${replicas}`]);

async function scaleToNothing(): Promise<void> {
  await scale(0);
  await waitFor(
    'no pod to be left',
    async () => (await readPods(stage, SHOP_NAMESPACE, `app=${ORDERS_WORKER}`)).length === 0,
    { deadlineMs: 60_000 },
  );
}

const receivedBy = (reader: string): number =>
  readReceived(stage.collector.file).filter((line) => line.reader === reader).length;

/** The orders that a session gets from now on show that the forwarder goes on: the others lie in the fallback. */
const untilForwarded = (session: string): Promise<void> => untilReceived(stage, session, receivedBy(session) + 5);

/** The end of one partition. */
async function endOf(admin: Admin, topic: string, partition: number): Promise<number> {
  const ends = await admin.fetchTopicOffsets(topic);
  return Number(ends.find((end) => end.partition === partition)?.offset ?? 0);
}

/** By a client of its own: one that was asked for a topic once asks for it for ever, also when it is gone. */
async function committed(kafka: KafkaBroker): Promise<Map<number, number>> {
  const admin = kafka.client().admin();
  await admin.connect();
  const [found] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] });
  await admin.disconnect();
  return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
}

/** As an application does that sends to the topic that it reads, and was told the fallback's name. */
async function sendToOwnVariable(fallback: string): Promise<ProducedLine[]> {
  const own = await startProducer(stage.place, {
    KAFKA_TOPIC: fallback,
    KAFKA_BROKERS: stage.kafka?.bootstrapServers ?? '',
    TENANTS: 'self=1',
    SEED: '3',
    MAX_ORDERS: String(OWN_ORDERS),
  });
  const acknowledged = () => readProduced(own.file).filter(({ ackAt }) => ackAt !== null);
  await waitFor('its orders to be sent', () => acknowledged().length === OWN_ORDERS, { deadlineMs: 30_000 });
  await own.process.stop(10_000);
  return acknowledged();
}

test('a workload that cannot drain gets back, on the original, what it has not read', async (context) => {
  if (!stage.kafka) return context.skip(stage.kafkaMissing ?? 'no Kafka');
  await untilReceived(stage, ORDERS_WORKER, 20);
  await untilSettled(stage);
  const world = await snapshotWorld(stage);
  const alice = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' }, kinds: ['Kafka'] });
  await alice.ready();
  const worker = await alice.startWorker();
  await untilReceived(stage, alice.name, 5);
  await scaleToNothing();
  await untilForwarded(alice.name);
  await worker.stop(20_000);
  const [split] = await readSplits(stage, SHOP_NAMESPACE);
  const fallback = split?.spec.queues[0]?.fallback.name ?? '';
  await scaleOwn(stage, 'controller', 0);
  const dying = await startCrashPod(stage, 'controller', 'controller.before-RemoveRestartAnnotation');
  await untilLeading(stage, dying);
  await alice.end();
  await dying.hit(120_000);
  const own = await sendToOwnVariable(fallback);
  await endLease(stage, dying);
  await scaleOwn(stage, 'controller', 2);
  await untilRestored(stage, SHOP_NAMESPACE, { deadlineMs: 120_000 });
  await dying.remove();
  await untilTold(
    stage,
    SHOP_NAMESPACE,
    new RegExp(`ran into its limit with [1-9][0-9]* messages in ${fallback}: they are read again`),
    new RegExp(`reads topic ${TOPIC} again from partition:offset`),
    new RegExp(`${OWN_ORDERS} records that the target itself sent to topic ${fallback}`),
  );
  await scale(3);
  await stage.finish();
  const history = historyOf(stage, [alice]);
  assertClean({
    ...history,
    produced: [...history.produced, ...own],
    workloads: [...history.workloads, { reader: ORDERS_WORKER, kind: 'kafka', source: fallback }],
  });
  assertRestored(world, await snapshotWorld(stage));
});

test('temporary topics grow with the original, and what cannot drain is dropped where that was asked for', async (context) => {
  if (!stage.kafka) return context.skip(stage.kafkaMissing ?? 'no Kafka');
  await installChart(stage.cluster, stage.sqs.environment, limited('drop'));
  const bob = await createSession(stage, { name: 'bob', filter: { tenant: '^bob$' }, kinds: ['Kafka'] });
  await bob.ready();
  const [split] = await readSplits(stage, SHOP_NAMESPACE);
  const [queue] = split?.spec.queues ?? [];
  assert.ok(queue?.routes[0]);
  const temporary = [queue.fallback.name, queue.routes[0].destination.name];
  const admin = stage.kafka.client().admin();
  context.after(() => admin.disconnect());
  await admin.connect();
  const partitionsOf = async (topics: string[]) =>
    (await admin.fetchTopicMetadata({ topics })).topics.map(({ partitions }) => partitions.length);
  const [count = 0] = await partitionsOf([TOPIC]);
  await admin.createPartitions({ topicPartitions: [{ topic: TOPIC, count: count + 1 }] });
  await waitFor(
    'the temporary topics to grow',
    async () => (await partitionsOf(temporary)).every((partitions) => partitions === count + 1),
    { deadlineMs: 60_000, intervalMs: 200 },
  );
  await stage.resume();
  const worker = await bob.startWorker();
  await waitFor(
    'records of the new partition to be forwarded',
    async () => {
      const ends = await Promise.all(temporary.map((topic) => endOf(admin, topic, count)));
      return ends.some((end) => end > 0);
    },
    { deadlineMs: 60_000, intervalMs: 200 },
  );

  await scaleToNothing();
  await untilForwarded(bob.name);
  await worker.stop(20_000);
  const before = await committed(stage.kafka);
  await bob.end();
  await untilRestored(stage, SHOP_NAMESPACE);
  await untilTold(
    stage,
    SHOP_NAMESPACE,
    new RegExp(`ran into its limit with [1-9][0-9]* messages in ${queue.fallback.name}: they are dropped`),
  );
  const topics = await admin.listTopics();
  assert.deepEqual(
    temporary.filter((topic) => topics.includes(topic)),
    [],
  );
  const after = await committed(stage.kafka);
  for (const [partition, offset] of before) {
    assert.ok((after.get(partition) ?? -1) >= offset, `partition ${partition} goes on where it was, or later`);
  }
  const handled = receivedBy(ORDERS_WORKER);
  await scale(3);
  await untilReceived(stage, ORDERS_WORKER, handled + 5);
});
