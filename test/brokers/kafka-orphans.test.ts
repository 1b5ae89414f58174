/** Topics and groups that a lost split has left: deleted when they were read, given back by a rewind, kept while that is not possible. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry } from '../../api/kinds/workload-split.ts';
import type { Remains } from '../../controller/brokers/collector.ts';
import { waitFor } from '../testbed/wait.ts';
import { commitUpTo, groupOffsets, readAll, sendNumbered, untilGone, waitForRecords } from './kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  type KafkaWorld,
  makeTopic,
  OWNER,
  openKafkaWorld,
  openPipeline,
  openProducer,
  routeOf,
  type Split,
  skip,
  useKafkaWorld,
} from './kafka-support.ts';

const NEVER = new AbortController().signal;

const world = useKafkaWorld(openKafkaWorld);

/** As it is remembered: names only. */
function remainsOf({ queue, entries }: Split): Remains {
  const groups = Object.keys(entries)
    .filter((session) => session !== 'fallback')
    .map((session): LedgerEntry => {
      const { group = '' } = queue.routes.find((route) => route.session === session)?.destination ?? {};
      return { kind: 'KafkaGroup', name: group, role: 'session', queue: 'orders', session, state: 'Created' };
    });
  const topics = Object.entries(entries).map(([session, entry]) =>
    session === 'fallback' ? entry : { ...entry, session },
  );
  const remembered = { ...queue, routes: [] };
  return { queue: remembered, entries: [...topics, ...groups], owner: OWNER, isSplitAgain: false };
}

const topicsOf = ({ entries }: Split) => Object.values(entries).map(({ name }) => name);

async function temporaryTopics(kafka: KafkaWorld, split: Split): Promise<string[]> {
  const names = topicsOf(split);
  return (await kafka.topics.listTopics()).filter((topic) => names.includes(topic));
}

/** 60 records, every second one alice's; `read`: up to which number they were read. */
async function lostSplit(kafka: KafkaWorld, read: number): Promise<Split> {
  const split = await createSplit(kafka, await createOriginal(kafka), { alice: ALICE });
  const { topic, group, queue } = split;
  const pipeline = openPipeline(kafka, queue);
  await pipeline.apply(queue);
  await sendNumbered(kafka, topic, 0, 60);
  const alice = queue.routes[0]?.destination;
  assert.ok(alice?.group);
  await waitForRecords(kafka, queue.fallback.name, 30);
  await waitForRecords(kafka, alice.name, 30);
  await commitUpTo(kafka, { name: queue.fallback.name, group }, read);
  await commitUpTo(kafka, { name: alice.name, group: alice.group }, read);
  await pipeline.close();
  return split;
}

describe('what a lost Kafka split has left', { skip }, () => {
  it('goes when everything was read', async () => {
    const kafka = world();
    const split = await lostSplit(kafka, 60);
    const before = await groupOffsets(kafka, split.group, split.topic);
    assert.deepEqual(await kafka.admin.collect(remainsOf(split), NEVER), []);
    await untilGone(kafka, ...topicsOf(split));
    assert.deepEqual(await groupOffsets(kafka, split.group, split.topic), before);
    const groups = (await kafka.topics.listGroups()).groups.map(({ groupId }) => groupId);
    assert.ok(!groups.includes(split.queue.routes[0]?.destination.group ?? ''));
    assert.deepEqual(await kafka.admin.collect(remainsOf(split), NEVER), [], 'it may be done again');
  });

  it('goes with a topic that a reader has brought back, unless that holds records', async () => {
    const kafka = world();
    const split = await lostSplit(kafka, 60);
    const remains = remainsOf(split);
    const session = routeOf(split.queue).destination.name;
    await kafka.topics.deleteTopics({ topics: [session] });
    await untilGone(kafka, session);
    await makeTopic(kafka, session, 1);
    const stranger = await openProducer(kafka);
    await stranger.send({ topic: session, messages: [{ value: 'whose?' }] });
    await stranger.disconnect();
    assert.match((await kafka.admin.collect(remains, NEVER)).join(), new RegExp(`1 unread records in ${session}`));
    assert.ok((await temporaryTopics(kafka, split)).includes(session));
    await commitUpTo(kafka, routeOf(split.queue).destination, Number.POSITIVE_INFINITY);
    assert.deepEqual(await kafka.admin.collect(remains, NEVER), []);
    await untilGone(kafka, ...topicsOf(split));
  });

  it('is given back by a rewind when the group has no members', async () => {
    const kafka = world();
    const split = await lostSplit(kafka, 39);
    const records = await readAll(kafka, split.topic);
    assert.deepEqual(await kafka.admin.collect(remainsOf(split), NEVER), []);
    await untilGone(kafka, ...topicsOf(split));
    const unread = records.filter(({ value }) => Number(value?.toString()) > 39);
    const first = Object.fromEntries(
      [...Map.groupBy(unread, ({ partition }) => partition)].map(([partition, own]) => [
        partition,
        String(own[0]?.offset),
      ]),
    );
    const now = await groupOffsets(kafka, split.group, split.topic);
    assert.deepEqual(
      Object.fromEntries(Object.keys(first).map((partition) => [partition, now[Number(partition)]])),
      first,
    );
  });

  it('is kept when only the temporary topics have what nobody read', async () => {
    const kafka = world();
    const split = await lostSplit(kafka, 39);
    const records = await readAll(kafka, split.topic);
    const [first] = records.filter(({ value }) => Number(value?.toString()) > 39);
    assert.ok(first);
    const offset = String(first.offset + 1n);
    // kafkajs knows no leader of a topic before it was asked for something of it.
    await kafka.topics.fetchTopicOffsets(split.topic);
    await kafka.topics.deleteTopicRecords({
      topic: split.topic,
      partitions: [{ partition: first.partition, offset }],
    });
    const before = await groupOffsets(kafka, split.group, split.topic);
    const why = await kafka.admin.collect(remainsOf(split), NEVER);
    assert.match(why.join(), /1 of them are in the original no more .* Copy them and delete the topics/);
    assert.equal((await temporaryTopics(kafka, split)).length, 2);
    assert.deepEqual(await groupOffsets(kafka, split.group, split.topic), before, 'no sweep moves the group again');
  });

  it('is kept while the group has members, while another split lives, and when nobody knows where it began', async () => {
    const kafka = world();
    const split = await lostSplit(kafka, 39);
    const remains = remainsOf(split);
    const before = await groupOffsets(kafka, split.group, split.topic);
    const again = await kafka.admin.collect({ ...remains, isSplitAgain: true }, NEVER);
    assert.match(again.join(), /unread records in .*given back when the split that there is now has ended/);
    const { start: _, ...queue } = remains.queue;
    assert.match((await kafka.admin.collect({ ...remains, queue }, NEVER)).join(), /where it began is not known/);

    const consumer = kafka.kafka.consumer({ groupId: split.group });
    kafka.closeLater(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topic: split.topic });
    await consumer.run({ eachMessage: async () => undefined });
    await waitFor(
      'the group to have a member',
      async () => (await kafka.topics.describeGroups([split.group])).groups[0]?.members.length === 1,
      { deadlineMs: 20_000, intervalMs: 100 },
    );
    assert.match((await kafka.admin.collect(remains, NEVER)).join(), /scale the consumers of group .* down to none/);
    await consumer.disconnect();
    assert.equal((await temporaryTopics(kafka, split)).length, 2);
    assert.deepEqual(await groupOffsets(kafka, split.group, split.topic), before, 'nothing was moved');
    assert.deepEqual(await kafka.admin.collect(remains, NEVER), []);
    await untilGone(kafka, ...topicsOf(split));
  });
});
