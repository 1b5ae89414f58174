/** Three brokers, three replicas, two of them needed: whichever broker dies or is elected, exactly once holds, and nothing is skipped. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topicConfigs } from '../../common/kafka/wire/configs.ts';
import {
  assertOrdered,
  assertSplitByTenant,
  commitUpTo,
  readAll,
  sendNumbered,
  values,
  waitForRecords,
} from '../brokers/kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  createTopic,
  ending,
  type KafkaClusterWorld,
  openKafkaClusterWorld,
  openPipeline,
  routeOf,
  skip,
  unique,
  useKafkaWorld,
} from '../brokers/kafka-support.ts';
import { waitFor } from '../testbed/wait.ts';

const PARTITIONS = 6;

const world = useKafkaWorld(() => openKafkaClusterWorld(3, { 'min.insync.replicas': '2' }));

type Node = KafkaClusterWorld['nodes'][number];

function nodeAt({ nodes }: KafkaClusterWorld, port: number | undefined): Node {
  const node = nodes.find((candidate) => candidate.port === port);
  assert.ok(node, `no node at port ${port}`);
  return node;
}

/** The broker that coordinates the transactions of the split's first producer. */
async function transactionCoordinator(kafka: KafkaClusterWorld, prefix: string | undefined): Promise<Node> {
  return nodeAt(kafka, await kafka.cluster.withCoordinator('TRANSACTION', `${prefix}-0`, async ({ port }) => port));
}

async function groupCoordinator(kafka: KafkaClusterWorld, group: string): Promise<Node> {
  return nodeAt(kafka, await kafka.cluster.withCoordinator('GROUP', group, async ({ port }) => port));
}

async function leaderOf(kafka: KafkaClusterWorld, topic: string, partition: number): Promise<Node> {
  const { partitions } = await kafka.cluster.describeTopic(topic);
  const leader = partitions[partition]?.leader;
  const node = kafka.nodes.find(({ id }) => id === leader);
  assert.ok(node, `partition ${partition} of ${topic} has leader ${leader}`);
  return node;
}

async function allInSync(kafka: KafkaClusterWorld, topic: string): Promise<void> {
  await waitFor(
    `every replica of ${topic} to be in sync`,
    async () => {
      const { topics } = await kafka.topics.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.every(({ isr, replicas }) => isr.length === replicas.length);
    },
    { deadlineMs: 60_000 },
  );
}

/** Kills the broker, does the work, and brings the broker back, whatever became of the work. */
async function without(
  kafka: KafkaClusterWorld,
  victim: Node,
  topic: string,
  work: () => Promise<void>,
): Promise<void> {
  await victim.kill();
  try {
    await work();
  } finally {
    await victim.start();
  }
  await allInSync(kafka, topic);
}

describe('a cluster of three brokers', { skip }, () => {
  it('has temporary topics as safe as the original', async () => {
    const kafka = world();
    const { queue } = await createSplit(kafka, await createOriginal(kafka, PARTITIONS));
    const { partitions } = await kafka.cluster.describeTopic(queue.fallback.name);
    assert.deepEqual(
      partitions.map(({ replicas }) => replicas),
      Array(PARTITIONS).fill(3),
    );
    assert.equal((await topicConfigs(kafka.cluster, queue.fallback.name)).get('min.insync.replicas'), '2');
  });

  const victims: [
    string,
    (kafka: KafkaClusterWorld, split: Awaited<ReturnType<typeof createSplit>>) => Promise<Node>,
  ][] = [
    ['leads a partition of the original', (kafka, { topic }) => leaderOf(kafka, topic, 0)],
    ['leads a partition of the fallback', (kafka, { queue }) => leaderOf(kafka, queue.fallback.name, 0)],
    ['coordinates the transactions', (kafka, { queue }) => transactionCoordinator(kafka, queue.transactionalIdPrefix)],
    ['coordinates the group', (kafka, { group }) => groupCoordinator(kafka, group)],
  ];
  for (const [what, choose] of victims) {
    it(`is exactly once when the broker dies that ${what}`, async () => {
      const kafka = world();
      const split = await createSplit(kafka, await createOriginal(kafka, PARTITIONS), { alice: ALICE });
      const { topic, queue } = split;
      const pipeline = openPipeline(kafka, queue, { partitionBytes: 2000, fetchBytes: 8000 });
      await pipeline.apply(queue);
      await sendNumbered(kafka, topic, 0, 600);
      await waitFor('some to be forwarded', async () => (await readAll(kafka, queue.fallback.name)).length > 20, {
        deadlineMs: 20_000,
      });
      const victim = await choose(kafka, split);
      const sending = sendNumbered(kafka, topic, 600, 1200);
      await without(kafka, victim, topic, async () => {
        await sending;
        await assertSplitByTenant(kafka, topic, routeOf(queue).destination.name, queue.fallback.name);
        await waitFor('no problem to be left', () => pipeline.status().message === undefined, { deadlineMs: 60_000 });
      });
      await pipeline.close();
    });
  }

  it('makes, ends, drains and restores while one broker is away', async () => {
    const kafka = world();
    const original = await createOriginal(kafka, PARTITIONS);
    const victim = await leaderOf(kafka, original, 1);
    await without(kafka, victim, original, async () => {
      // The others take over when they have missed it for its session's time; until then every attempt fails and is made again.
      const { topic, queue, group } = await waitFor(
        'a split to be made',
        () => createSplit(kafka, original, { alice: ALICE }),
        { deadlineMs: 60_000 },
      );
      const pipeline = openPipeline(kafka, queue);
      await pipeline.apply(queue);
      await sendNumbered(kafka, topic, 0, 200);
      const route = routeOf(queue);
      await waitForRecords(kafka, route.destination.name, 100);
      const handled = await commitUpTo(kafka, route.destination, 60);
      await pipeline.apply({ ...ending(queue), forwarding: 'Stop' });
      assert.equal(pipeline.status().state, 'Stopped');
      const left = await waitForRecords(kafka, queue.fallback.name, 200 - handled);
      assert.equal(new Set(left.map(({ value }) => value?.toString())).size, 200 - handled);
      await kafka.admin.fence(queue);
      assert.equal(await kafka.admin.remaining(queue), 200 - handled);
      const late = await createTopic(kafka, queue, `${queue.fallback.name}-2`, 'session', `${group}-2`);
      assert.ok(late.topicId);
      await pipeline.close();
    });
  });

  it('moves left-overs of a session once, in order, while the broker dies that coordinates it', async () => {
    const kafka = world();
    const { topic, queue } = await createSplit(kafka, await createOriginal(kafka, PARTITIONS), { alice: ALICE });
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 2000);
    const { destination } = routeOf(queue);
    await waitForRecords(kafka, destination.name, 1000);
    const handled = await commitUpTo(kafka, destination, 99);
    const victim = await groupCoordinator(kafka, destination.group);
    const ended = pipeline.apply(ending(queue));
    await without(kafka, victim, topic, async () => {
      await ended;
      const [returned] = await waitFor('the left-overs to be moved', () => pipeline.status().returned, {
        deadlineMs: 90_000,
      });
      assert.equal(returned?.messages, 1000 - handled);
      const all = await waitForRecords(kafka, queue.fallback.name, 2000 - handled);
      assert.equal(new Set(all.map(({ value }) => value?.toString())).size, 2000 - handled);
      await sendNumbered(kafka, topic, 2000, 2100);
      assertOrdered(await waitForRecords(kafka, queue.fallback.name, 2100 - handled));
    });
    await pipeline.close();
  });

  it('forwards what an unclean election put in place of records that were read already', async () => {
    const kafka = world();
    const [one, other] = kafka.nodes;
    assert.ok(one && other);
    const topic = unique('orders');
    await kafka.topics.createTopics({
      waitForLeaders: false,
      topics: [
        {
          topic,
          replicaAssignment: [{ partition: 0, replicas: [one.id, other.id] }],
          configEntries: [
            { name: 'unclean.leader.election.enable', value: 'true' },
            { name: 'min.insync.replicas', value: '1' },
          ],
        },
      ],
    });
    await waitFor('the topic to have its leader', async () => (await leaderOf(kafka, topic, 0)).id === one.id, {
      deadlineMs: 20_000,
    });
    const { queue } = await createSplit(kafka, topic);
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    const send = (value: string) => kafka.producer.send({ topic, messages: [{ value }] });
    const copied = (value: string) =>
      waitFor(`${value} to be forwarded`, async () => (await values(kafka, queue.fallback.name)).includes(value), {
        deadlineMs: 90_000,
      });
    await send('kept');
    await copied('kept');
    await allInSync(kafka, topic);
    await other.kill();
    for (const value of ['cut off 1', 'cut off 2', 'cut off 3']) await send(value);
    await copied('cut off 3');
    await one.kill();
    await other.start();
    await waitFor('the other broker to lead', async () => (await leaderOf(kafka, topic, 0)).id === other.id, {
      deadlineMs: 60_000,
    });
    await send('instead');
    await copied('instead');
    assert.deepEqual(await values(kafka, topic), ['kept', 'instead'], 'the log was cut');
    assert.deepEqual(await values(kafka, queue.fallback.name), [
      'kept',
      'cut off 1',
      'cut off 2',
      'cut off 3',
      'instead',
    ]);
    assert.equal(pipeline.status().state, 'Forwarding');
    await one.start();
    await pipeline.close();
  });
});
