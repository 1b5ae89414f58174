/** Consumer groups that are alive: who reads the original, commits without membership, offset 0 before the first record, drained or not. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { Consumer as ConsumerProtocolClient, consumerGroupHeartbeatV1 } from '@platformatic/kafka';
import { AssignerProtocol, type Consumer, type PartitionAssigner, PartitionAssigners } from 'kafkajs';
import { call } from '../../common/kafka/wire/call.ts';
import { describeGroup } from '../../common/kafka/wire/groups.ts';
import { commitWithoutMembers } from '../../common/kafka/wire/offsets.ts';
import { createKafkaAdmin } from '../../controller/brokers/kafka/admin.ts';
import { waitFor } from '../testbed/wait.ts';
import { groupOffsets, isAlices, numbered, waitForRecords } from './kafka-records.ts';
import {
  createOriginal,
  createSplit,
  createTopic,
  type KafkaWorld,
  makeTopic,
  openKafkaWorld,
  openPipeline,
  skip,
  unique,
  useKafkaWorld,
} from './kafka-support.ts';
import { shareGroupHeartbeat } from './share-group.ts';

// Share groups (KIP-932) are switched off in a new cluster of Kafka 4.1.
const world = useKafkaWorld(() => openKafkaWorld({}, { formatting: ['--feature', 'share.version=1'] }));

const ADDRESS = '127.0.0.1';

/** A plain kafkajs reader with the usual defaults: `latest`, and commits after each message. */
async function read(
  kafka: KafkaWorld,
  groupId: string,
  topics: string[],
  options: { partitionAssigners?: PartitionAssigner[] } = {},
): Promise<{ consumer: Consumer; seen: string[] }> {
  const consumer = kafka.kafka.consumer({ groupId, heartbeatInterval: 200, maxWaitTimeInMs: 100, ...options });
  kafka.closeLater(() => consumer.disconnect());
  const seen: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics });
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ message }) => {
      seen.push(String(message.value));
    },
  });
  await waitFor(
    `group ${groupId} to be stable`,
    async () => {
      const group = await describeGroup(kafka.cluster, groupId);
      return (
        group.state === 'Stable' &&
        group.members.some((member) => member.topics.some((topic) => topics.includes(topic)))
      );
    },
    { deadlineMs: 20_000 },
  );
  return { consumer, seen };
}

const sorted = (seen: readonly string[]) => seen.map(Number).toSorted((a, b) => a - b);
const range = (count: number) => Array.from({ length: count }, (_, id) => id);

describe('a group of kafkajs members', { skip }, () => {
  it('gets offset 0 of a temporary topic while it is active, and its offsets of the original moved', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka);
    const group = unique('app');
    await makeTopic(kafka, `${topic}-other`, 1);
    const old = await read(kafka, group, [topic, `${topic}-other`]);
    const { queue } = await createSplit(kafka, topic, { alice: { tenant: '^alice$' } }, group);
    assert.deepEqual(await groupOffsets(kafka, group, queue.fallback.name), { 0: '0', 1: '0', 2: '0', 3: '0' });
    await old.consumer.disconnect();
    const patched = await read(kafka, group, [queue.fallback.name, `${topic}-other`]);
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await kafka.producer.send({ topic, messages: numbered(0, 200) });
    await kafka.producer.send({ topic: `${topic}-other`, messages: [{ value: '-1' }] });
    await waitFor('the application to read its share', () => patched.seen.length === 101, { deadlineMs: 20_000 });
    assert.deepEqual(sorted(patched.seen), [-1, ...range(200).filter((id) => !isAlices(id))]);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    const ends = await kafka.topics.fetchTopicOffsets(topic);
    assert.deepEqual(
      await groupOffsets(kafka, group, topic),
      Object.fromEntries(ends.map(({ partition, offset }) => [partition, offset])),
    );
    await waitFor('the drain', async () => (await kafka.admin.remaining(queue)) === 0, { deadlineMs: 20_000 });
    await pipeline.close();
    await patched.consumer.disconnect();
  });

  it('that comes late with `latest` to a session topic gets everything', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka);
    const { queue } = await createSplit(kafka, topic, { alice: { tenant: '^alice$' } });
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await kafka.producer.send({ topic, messages: numbered(0, 100) });
    const session = queue.routes[0]?.destination;
    assert.ok(session?.group);
    await waitForRecords(kafka, session.name, 50);
    const late = await read(kafka, session.group, [session.name]);
    await waitFor('the late reader', () => late.seen.length === 50, { deadlineMs: 20_000 });
    await late.consumer.disconnect();
    await pipeline.close();
  });

  it('is not settled while a member reads the original, whatever is assigned to whom', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 2);
    const { queue, group } = await createSplit(kafka, topic);
    const settle = (gone: string[] = []) => kafka.admin.settle(queue, new Set(gone));
    assert.equal((await settle()).settled, true, 'an empty group');
    const patched = await read(kafka, group, [queue.fallback.name]);
    assert.equal((await settle()).settled, true, 'reads the fallback only');
    const old = await read(kafka, group, [topic]);
    const found = await settle();
    assert.equal(found.settled, false);
    assert.match(found.message, /client testbed at 127\.0\.0\.1/);
    await old.consumer.disconnect();
    await waitFor('the group to settle', async () => (await settle()).settled, { deadlineMs: 20_000 });
    await patched.consumer.disconnect();
  });

  it('evicts members of pods that are gone', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 2);
    const { queue, group } = await createSplit(kafka, topic);
    const { consumer } = await read(kafka, group, [topic]);
    const before = (await describeGroup(kafka.cluster, group)).members.map(({ memberId }) => memberId);
    assert.equal((await kafka.admin.settle(queue, new Set(['10.9.8.7']))).settled, false);
    assert.deepEqual(
      (await describeGroup(kafka.cluster, group)).members.map(({ memberId }) => memberId),
      before,
    );
    const found = await kafka.admin.settle(queue, new Set([ADDRESS]));
    assert.match(found.message, /removed members/);
    const { members } = await describeGroup(kafka.cluster, group);
    assert.ok(!members.some(({ memberId }) => before.includes(memberId)));
    // Who comes back lives: an address may belong to somebody else by now.
    const isNamed = async () => /still read/.test((await kafka.admin.settle(queue, new Set([ADDRESS]))).message);
    await waitFor('the member that came back to be named', isNamed, { deadlineMs: 20_000, intervalMs: 500 });
    await consumer.disconnect();
  });

  it('is told apart from one that nobody subscribes in: consumers that assign partitions themselves do not show', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1);
    const group = unique('app');
    const described = async () => (await kafka.admin.describeOriginal(topic, {}, group)).isSubscribed;
    assert.equal(await described(), false, 'a group that does not exist');
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[0, 0n]]));
    assert.equal(await described(), false, 'offsets without members, as in assign mode');
    const other = await read(kafka, group, [await createOriginal(kafka, 1)]);
    assert.equal(await described(), false, 'a member that reads another topic');
    const { consumer } = await read(kafka, group, [topic]);
    await waitFor('the group to be settled', async () => (await described()) !== undefined, { deadlineMs: 20_000 });
    assert.equal(await described(), true);
    await Promise.all([consumer.disconnect(), other.consumer.disconnect()]);
  });

  it('that never committed and has no reset policy is refused, and is not once it has committed everywhere', async () => {
    const kafka = world();
    const { queue, group, topic } = await createSplit(kafka, await createOriginal(kafka, 2));
    const admin = createKafkaAdmin(async () => new Map([...kafka.properties, ['auto.offset.reset', 'none']]));
    kafka.closeLater(() => admin.close());
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[0, 0n]]));
    await assert.rejects(admin.startOffsets(queue), { code: 'GroupUnsupported', message: /partition 1, .*none/ });
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[1, 0n]]));
    assert.deepEqual(await admin.startOffsets(queue), [
      { partition: 0, offset: '0' },
      { partition: 1, offset: '0' },
    ]);
  });

  it('of Kafka Streams is refused', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1);
    const group = unique('streams');
    const stream: PartitionAssigner = (config) => ({ ...PartitionAssigners.roundRobin(config), ...named('stream') });
    const { consumer } = await read(kafka, group, [topic], { partitionAssigners: [stream] });
    await assert.rejects(kafka.admin.describeOriginal(topic, {}, group), {
      code: 'GroupUnsupported',
      message: /Streams/,
    });
    await consumer.disconnect();
  });
});

describe('a share group (KIP-932)', { skip }, () => {
  it('is refused', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1);
    const group = unique('share');
    const { errorCode } = await kafka.cluster.withCoordinator('GROUP', group, (connection) =>
      call(connection, shareGroupHeartbeat, group, randomUUID(), topic),
    );
    assert.equal(errorCode, 0);
    await assert.rejects(kafka.admin.describeOriginal(topic, {}, group), {
      code: 'GroupUnsupported',
      message: `group ${group} is a share group; only consumer groups can be split`,
    });
  });
});

/** An assignor of that name; what it does otherwise is round robin's. */
function named(name: string) {
  return {
    name,
    protocol: ({ topics }: { topics: string[] }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
    }),
  };
}

describe('a group of the new protocol (KIP-848)', { skip }, () => {
  it('reads the fallback while its offsets of the original are moved, and is seen for what it reads', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 2);
    const group = unique('app');
    const { queue } = await createSplit(kafka, topic, {}, group);
    const consumer = new ConsumerProtocolClient({
      groupId: group,
      clientId: 'modern',
      bootstrapBrokers: [kafka.broker.bootstrapServers],
      groupProtocol: 'consumer',
      autocommit: true,
    });
    kafka.closeLater(() => consumer.close(true));
    const seen: string[] = [];
    const stream = await consumer.consume({ topics: [queue.fallback.name], mode: 'committed' });
    stream.on('data', (message) => seen.push(message.value.toString()));
    await waitFor('the group to settle', async () => (await kafka.admin.settle(queue, new Set())).settled, {
      deadlineMs: 20_000,
    });
    const { kind, members } = await describeGroup(kafka.cluster, group);
    assert.equal(kind, 'consumer');
    assert.deepEqual(members[0]?.topics, [queue.fallback.name]);
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await kafka.producer.send({ topic, messages: numbered(0, 100) });
    await waitFor('the application to read everything', () => seen.length === 100, { deadlineMs: 20_000 });
    // Partitions added later need a commit for a group that is alive.
    await createTopic(kafka, queue, `${queue.fallback.name}-2`, 'fallback', group);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    assert.equal(
      Object.values(await groupOffsets(kafka, group, topic)).reduce((sum, offset) => sum + Number(offset), 0),
      100,
    );
    await pipeline.close();
    await stream.close();
    await consumer.close();
  });

  it('with a pattern that matches the original is not settled', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1);
    const { queue, group } = await createSplit(kafka, topic);
    const join = (pattern: string) =>
      kafka.cluster.withCoordinator('GROUP', group, (connection) =>
        call(
          connection,
          consumerGroupHeartbeatV1.api,
          group,
          unique('member'),
          0,
          null,
          null,
          60_000,
          [],
          pattern,
          null,
          [],
        ),
      );
    await join('nothing-.*');
    await waitFor('the group to settle', async () => (await kafka.admin.settle(queue, new Set())).settled, {
      deadlineMs: 20_000,
    });
    await join('orders-.*');
    const found = await waitFor(
      'the pattern to be seen',
      async () => {
        const { settled, message } = await kafka.admin.settle(queue, new Set());
        return !settled && message.includes('still read') && message;
      },
      { deadlineMs: 20_000 },
    );
    assert.match(found, /still read topic/);
  });
});
