// What a topic and a group hold, for the Kafka broker tests: read with the wire client, record by record.
import assert from 'node:assert/strict';
import { deleteRecordsV2 } from '@platformatic/kafka';
import type { Message } from 'kafkajs';
import { call } from '../../common/kafka/wire/call.ts';
import { fetchPartitions } from '../../common/kafka/wire/fetch.ts';
import { commitWithoutMembers, type Offsets, stableOffsets } from '../../common/kafka/wire/offsets.ts';
import { readToEnd } from '../../common/kafka/wire/read-to-end.ts';
import { type RecordContent, readContent } from '../../common/kafka/wire/record-batch.ts';
import { waitFor } from '../testbed/wait.ts';
import type { KafkaWorld } from './kafka-support.ts';

export type Stored = RecordContent & { partition: number; offset: bigint; timestamp: bigint; codec: number };

/** Every record that a read_committed reader sees, in order per partition. */
export async function readAll(world: KafkaWorld, topic: string): Promise<Stored[]> {
  const { partitions } = await world.cluster.describeTopic(topic);
  const found: Stored[] = [];
  for (const { partition } of partitions) {
    for await (const { records } of readToEnd(world.cluster, { topic, partition, from: 0n })) {
      found.push(...records.map(({ body, ...record }) => ({ partition, ...record, ...readContent(body) })));
    }
  }
  return found;
}

export async function values(world: KafkaWorld, topic: string): Promise<string[]> {
  return (await readAll(world, topic)).map(({ value }) => value?.toString() ?? 'null');
}

export async function waitForRecords(
  world: KafkaWorld,
  topic: string,
  count: number,
  deadlineMs = 20_000,
): Promise<Stored[]> {
  return waitFor(
    `topic ${topic} to hold ${count} records`,
    async () => {
      const found = await readAll(world, topic);
      assert.ok(found.length <= count, `topic ${topic} holds ${found.length} records, more than ${count}`);
      return found.length === count && found;
    },
    { deadlineMs, intervalMs: 50 },
  );
}

/** The controller has deleted them by now; a broker hears of it a moment later. */
export async function untilGone({ topics }: KafkaWorld, ...names: string[]): Promise<void> {
  await waitFor(
    `${names.join(', ')} to be gone`,
    async () => {
      const found = await topics.listTopics();
      return !names.some((name) => found.includes(name));
    },
    { deadlineMs: 10_000, intervalMs: 20 },
  );
}

/** Transactions that the broker itself calls aborted. */
export async function countAborted(world: Pick<KafkaWorld, 'cluster'>, topic: string): Promise<number> {
  const { topicId, partitions } = await world.cluster.describeTopic(topic);
  let aborted = 0;
  for (const { partition, leader, leaderEpoch } of partitions) {
    const position = { partition, offset: 0n, leaderEpoch, lastFetchedEpoch: -1 };
    const limits = { maxWaitMs: 0, maxBytes: 10_000_000, maxPartitionBytes: 10_000_000 };
    const [fetched] = await fetchPartitions(await world.cluster.broker(leader), topicId, [position], limits);
    aborted += fetched?.aborted.length ?? 0;
  }
  return aborted;
}

/** Numbered messages of two tenants, one key for each of ten partitions' worth of order. */
export function numbered(from: number, to: number): Message[] {
  return Array.from({ length: to - from }, (_, index) => {
    const id = from + index;
    return { key: `key-${id % 10}`, value: String(id), headers: { tenant: id % 2 === 0 ? 'alice' : 'nobody' } };
  });
}

/** In many small batches, so that there are many turns to forward them in. */
export async function sendNumbered(world: KafkaWorld, topic: string, from: number, to: number): Promise<void> {
  const BATCH = 20;
  for (let at = from; at < to; at += BATCH) {
    await world.producer.send({ topic, messages: numbered(at, Math.min(at + BATCH, to)) });
  }
}

export const isAlices = (id: number): boolean => id % 2 === 0;

/** Records of one key must be in the order of their numbers. */
export function assertOrdered(records: readonly Stored[]): void {
  const last = new Map<string, number>();
  for (const { key, value } of records) {
    const name = key?.toString() ?? '';
    const id = Number(value?.toString());
    assert.ok(id > (last.get(name) ?? -1), `key ${name}: ${id} after ${last.get(name)}`);
    last.set(name, id);
  }
}

/** Each record of the original is in exactly one of both, in its partition and in the original's order: for whatever the original holds. */
export async function assertSplitByTenant(
  world: KafkaWorld,
  topic: string,
  alice: string,
  fallback: string,
): Promise<void> {
  const original = await readAll(world, topic);
  const place = ({ partition, value }: Stored) => `${partition}: ${value?.toString()}`;
  for (const [copy, wanted] of [
    [alice, true],
    [fallback, false],
  ] as const) {
    const expected = original.filter(({ value }) => isAlices(Number(value?.toString())) === wanted);
    const copies = await waitForRecords(world, copy, expected.length, 60_000);
    assert.deepEqual(copies.map(place), expected.map(place));
  }
}

const STABLE_DEADLINE_MS = 10_000;

/**
 * Where the group is on every partition that it committed. EndTxn is answered before the group has what was committed: what is in
 * transactions is waited for.
 */
export async function groupOffsets(world: KafkaWorld, group: string, topic: string): Promise<Record<number, string>> {
  const partitions = (await world.cluster.describeTopic(topic)).partitions.map(({ partition }) => partition);
  await stableOffsets(world.cluster, group, topic, partitions, STABLE_DEADLINE_MS);
  const [found] = await world.topics.fetchOffsets({ groupId: group, topics: [topic] });
  const known = found?.partitions.filter(({ offset }) => offset !== '-1') ?? [];
  return Object.fromEntries(known.map(({ partition, offset }) => [partition, offset]));
}

/** As a reader that has handled everything up to a number, and says so. Resolves to how many that are. */
export async function commitUpTo(
  world: KafkaWorld,
  { name, group }: { name: string; group: string },
  id: number,
): Promise<number> {
  const offsets: Offsets = new Map();
  let handled = 0;
  for (const { partition, offset, value } of await readAll(world, name)) {
    if (Number(value?.toString()) > id) continue;
    offsets.set(partition, offset + 1n);
    handled += 1;
  }
  await commitWithoutMembers(world.cluster, group, name, offsets);
  return handled;
}

/** As retention does it. */
export async function deleteRecordsBefore(
  { cluster }: KafkaWorld,
  topic: string,
  partition: number,
  offset: bigint,
): Promise<void> {
  const { leader } = await cluster.leaderOf(topic, partition);
  const partitions = [{ partitionIndex: partition, offset }];
  const answer = await call(await cluster.broker(leader), deleteRecordsV2.api, [{ name: topic, partitions }], 10_000);
  assert.deepEqual(
    answer.topics.flatMap((found) => found.partitions.map(({ errorCode }) => errorCode)),
    [0],
  );
}
