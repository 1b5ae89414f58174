/** The life of a Kafka split at the broker: sessions come and end, the drain, the way back, and what happens to the topics meanwhile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { commitWithoutMembers } from '../../common/kafka/wire/offsets.ts';
import { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { Ending } from '../../sidecar/kafka/ending.ts';
import { KAFKA_DEFAULTS } from '../../sidecar/kafka/settings.ts';
import { waitFor } from '../testbed/wait.ts';
import {
  assertOrdered,
  commitUpTo,
  numbered,
  readAll,
  sendNumbered,
  untilGone,
  waitForRecords,
} from './kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  createTopicAgain,
  ending,
  FAST,
  makeTopic,
  OWNER,
  openKafkaWorld,
  openPipeline,
  routeOf,
  skip,
  unique,
  useKafkaWorld,
} from './kafka-support.ts';

const world = useKafkaWorld(openKafkaWorld);

describe('the end of a session', { skip }, () => {
  it('moves what is left to the fallback before anything newer of the same key', async () => {
    const kafka = world();
    const { topic, queue } = await createSplit(kafka, await createOriginal(kafka), { alice: ALICE });
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 200);
    const route = routeOf(queue);
    await waitForRecords(kafka, route.destination.name, 100);
    const handled = await commitUpTo(kafka, route.destination, 60);
    const sending = sendNumbered(kafka, topic, 200, 600);
    await pipeline.apply(ending(queue));
    const [returned] = await waitFor('the left-overs to be moved', () => pipeline.status().returned, {
      deadlineMs: 20_000,
    });
    await sending;
    const toFallback = await waitForRecords(
      kafka,
      queue.fallback.name,
      600 - (await readAll(kafka, route.destination.name)).length + (returned?.messages ?? 0),
    );
    assertOrdered(toFallback);
    const both = new Set(
      [...toFallback, ...(await readAll(kafka, route.destination.name))].map(({ value }) => value?.toString()),
    );
    assert.equal(both.size, 600);
    assert.equal(toFallback.length, 600 - handled, 'what the session has committed does not come again');
    await pipeline.apply({ ...queue, routes: [] });
    assert.equal(pipeline.status().returned, undefined);
    await pipeline.close();
  });

  it('waits for a reader that leaves, and evicts one that does not', async () => {
    const kafka = world();
    const { topic, queue } = await createSplit(kafka, await createOriginal(kafka), { alice: ALICE });
    const pipeline = openPipeline(kafka, queue, { readerGraceMs: 1_000 });
    await pipeline.apply(queue);
    const route = routeOf(queue);
    const reader = kafka.kafka.consumer({ groupId: route.destination.group, maxWaitTimeInMs: 100 });
    kafka.closeLater(() => reader.disconnect());
    await reader.connect();
    await reader.subscribe({ topics: [route.destination.name] });
    let read = 0;
    // Handles without ever committing, and never leaves.
    await reader.run({ autoCommit: false, eachMessage: async () => void read++ });
    await sendNumbered(kafka, topic, 0, 100);
    await waitFor('the reader to read', () => read === 50, { deadlineMs: 20_000 });
    await pipeline.apply(ending(queue));
    await kafka.producer.send({ topic, messages: numbered(100, 120) });
    const [returned] = await waitFor('the left-overs to be moved', () => pipeline.status().returned, {
      deadlineMs: 20_000,
    });
    assert.equal(returned?.messages, 50, 'not committed is not handled');
    assertOrdered(await waitForRecords(kafka, queue.fallback.name, 120));
    await reader.disconnect();
    await pipeline.close();
  });

  it('holds nothing up when nothing is left, and may be asked for again by another forwarder', async () => {
    const kafka = world();
    const { topic, queue } = await createSplit(kafka, await createOriginal(kafka), { alice: ALICE });
    const first = openPipeline(kafka, queue);
    await first.apply(queue);
    await sendNumbered(kafka, topic, 0, 20);
    await waitForRecords(kafka, routeOf(queue).destination.name, 10);
    await commitUpTo(kafka, routeOf(queue).destination, 100);
    for (const pipeline of [first, openPipeline(kafka, queue)]) {
      await pipeline.apply(ending(queue));
      const returned = await waitFor('the end', () => pipeline.status().returned, { deadlineMs: 10_000 });
      assert.deepEqual(returned, [{ sessionUid: 'uid-alice', messages: 0 }]);
      await pipeline.close();
    }
  });

  it('gives up order at the bound, says so by going on, and still loses nothing', async () => {
    const kafka = world();
    const { topic, queue } = await createSplit(kafka, await createOriginal(kafka, 1), { alice: ALICE });
    const pipeline = openPipeline(kafka, queue, { sessionDrainTimeoutMs: 500, stableDeadlineMs: 60_000 });
    await pipeline.apply(queue);
    await kafka.producer.send({ topic, messages: numbered(0, 10) });
    const { destination } = routeOf(queue);
    await waitForRecords(kafka, destination.name, 5);
    // The session's own transaction hangs: nobody can tell what it has handled.
    const hanging = new TransactionalProducer(kafka.cluster, unique('hanging'));
    await hanging.take();
    await hanging.commitOffsets(destination.group, destination.name, new Map([[0, 1n]]));
    await pipeline.apply(ending(queue));
    await kafka.producer.send({ topic, messages: numbered(10, 20) });
    await waitForRecords(kafka, queue.fallback.name, 5 + 10);
    assert.equal(pipeline.status().returned, undefined);
    assert.match(pipeline.status().message ?? '', /left-overs of session alice/);
    await hanging.abort();
    await waitFor('the left-overs to be moved', () => pipeline.status().returned, { deadlineMs: 20_000 });
    assert.equal((await readAll(kafka, queue.fallback.name)).length, 20);
    await pipeline.close();
  });

  it('is not said to be done when the forwarder goes away in the middle of it', async () => {
    const kafka = world();
    const { queue } = await createSplit(kafka, await createOriginal(kafka, 1), { alice: ALICE });
    const route = routeOf(queue);
    const session = { ...route.destination, group: route.destination.group ?? '' };
    // More than one read brings.
    for (let sent = 0; sent < 10; sent += 1)
      await kafka.producer.send({ topic: session.name, messages: [{ value: Buffer.alloc(900_000) }] });
    const away = new AbortController();
    const released: number[] = [];
    const end = new Ending(
      {
        route,
        session,
        fallback: queue.fallback.name,
        cluster: kafka.cluster,
        laneOf: () => ({ transactions: { transact: async () => away.abort() } }),
        release: (partition) => released.push(partition),
        settings: { ...KAFKA_DEFAULTS, ...FAST },
        clock: systemClock,
        onOrderGivenUp: () => undefined,
        onProblem: () => undefined,
        signal: away.signal,
      },
      [0],
    );
    await end.run();
    assert.equal(away.signal.aborted, true);
    assert.equal(end.returned, undefined);
    assert.deepEqual(released, [], 'nothing newer may pass what was not moved');
  });
});

describe('the way back', { skip }, () => {
  it('leaves the group exactly at the next record of the original', async () => {
    const kafka = world();
    const { topic, group, queue } = await createSplit(kafka, await createOriginal(kafka), { alice: ALICE });
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 200);
    await waitForRecords(kafka, queue.fallback.name, 100);
    const stopped = { ...ending(queue), forwarding: 'Stop' as const };
    await pipeline.apply(stopped);
    assert.equal(pipeline.status().state, 'Stopped');
    const fenced = { ...stopped, fenced: true };
    await kafka.admin.fence(queue);
    await pipeline.apply(fenced);
    assert.equal(pipeline.status().state, 'Stopped');
    await kafka.producer.send({ topic, messages: numbered(200, 210) });
    const restored = kafka.kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 });
    kafka.closeLater(() => restored.disconnect());
    const seen: number[] = [];
    await restored.connect();
    await restored.subscribe({ topics: [topic] });
    await restored.run({ eachMessage: async ({ message }) => void seen.push(Number(message.value)) });
    await waitFor('the restored application', () => seen.length === 10, { deadlineMs: 20_000 });
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 10 }, (_, index) => 200 + index),
    );
    assert.equal((await readAll(kafka, queue.fallback.name)).length, 200);
    await restored.disconnect();
    await pipeline.close();
  });

  it('counts what is left by records: markers and aborted ones never hold up the drain', async () => {
    const kafka = world();
    const { queue, group } = await createSplit(kafka, await createOriginal(kafka, 2));
    const fallback = queue.fallback.name;
    const writer = kafka.kafka.producer({ transactionalId: unique('writer'), maxInFlightRequests: 1 });
    kafka.closeLater(() => writer.disconnect());
    await writer.connect();
    for (const outcome of ['commit', 'abort'] as const) {
      const transaction = await writer.transaction();
      await transaction.send({ topic: fallback, messages: [{ partition: 0, value: outcome }] });
      await transaction[outcome]();
    }
    const untilRemaining = (what: string, count: number) =>
      waitFor(what, async () => (await kafka.admin.remaining(queue)) === count, { deadlineMs: 10_000 });
    // The end of a transaction is answered before it is written into its partitions.
    await untilRemaining('the abort to be seen', 1);
    // As kafkajs and others commit: behind the last record, before the marker.
    await commitWithoutMembers(kafka.cluster, group, fallback, new Map([[0, 1n]]));
    assert.equal(await kafka.admin.remaining(queue), 0);
    const open = await writer.transaction();
    await open.send({ topic: fallback, messages: [{ partition: 1, value: 'open' }] });
    assert.ok((await kafka.admin.remaining(queue)) > 0, 'a transaction that is not finished may add records');
    await open.abort();
    await untilRemaining('the other abort to be seen', 0);
  });

  it('deletes temporary topics by their id, brought back ones too, and groups with left-behind members', async () => {
    const kafka = world();
    const { queue, entries } = await createSplit(kafka, await createOriginal(kafka), { alice: ALICE });
    const { alice } = entries;
    assert.ok(alice?.topicId);
    const reader = kafka.kafka.consumer({ groupId: alice.name, maxWaitTimeInMs: 100, retry: { retries: 0 } });
    kafka.closeLater(() => reader.disconnect());
    await reader.connect();
    await reader.subscribe({ topics: [alice.name] });
    await reader.run({ eachMessage: async () => undefined });
    await kafka.admin.delete(alice, {}, OWNER);
    await kafka.admin.delete(alice, {}, OWNER);
    await untilGone(kafka, alice.name);
    await makeTopic(kafka, alice.name, 1);
    await assert.rejects(createTopicAgain(kafka, queue, alice.name, alice.topicId), { code: 'ForeignQueue' });
    await kafka.admin.delete(alice, {}, OWNER);
    await untilGone(kafka, alice.name);
    await reader.disconnect();
    const group = { ...alice, kind: 'KafkaGroup' as const };
    await kafka.admin.delete(group, {}, OWNER);
    await kafka.admin.delete(group, {}, OWNER);
    const { groups } = await kafka.topics.listGroups();
    assert.ok(!groups.some(({ groupId }) => groupId === alice.name));
  });
});
