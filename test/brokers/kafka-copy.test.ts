/** Copies by the Kafka data path are exact: compared with kcat, byte for byte, for odd records, all codecs, old times, gaps and transactions. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompressionTypes, type Message } from 'kafkajs';
import { writeContent } from '../../common/kafka/wire/record-batch.ts';
import { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { diffCopies, lastRecords } from '../checker/kcat.ts';
import { ensureKcat, kcatRunner } from '../testbed/brokers/kcat.ts';
import { waitFor } from '../testbed/wait.ts';
import { groupOffsets, numbered, readAll, values, waitForRecords } from './kafka-records.ts';
import {
  createOriginal,
  createSplit,
  type KafkaWorld,
  openKafkaWorld,
  openPipeline,
  skip,
  unique,
  useKafkaWorld,
} from './kafka-support.ts';

// The broker looks for deletable segments all the time: what it may delete it does.
const world = useKafkaWorld(() =>
  openKafkaWorld({ 'log.retention.check.interval.ms': '1000', 'log.cleaner.backoff.ms': '500' }),
);

const tenant = (name: string) => ({ tenant: name });
const YEAR_2001 = '1000000000000';
const hours = (count: number) => String(Date.now() + count * 3_600_000);

const ODD: Message[] = [
  { partition: 0, timestamp: '1700000000000', key: 'k', value: 'plain', headers: tenant('alice') },
  { partition: 0, timestamp: YEAR_2001, key: null, value: null, headers: tenant('bob') },
  { partition: 0, timestamp: hours(2), key: 'future', value: 'x', headers: tenant('bob') },
  { partition: 0, timestamp: '1', key: 'oldest', value: 'x', headers: tenant('alice') },
  { partition: 1, key: Buffer.from([0, 10, 255]), value: Buffer.from([13, 10, 0, 200]), headers: tenant('alice') },
  {
    partition: 1,
    key: '',
    value: '',
    headers: { b: ['2', '1'], a: Buffer.from([10, 255, 0]), tenant: ['x', 'alice'] },
  },
  { partition: 2, key: 'tombstone', value: null, headers: {} },
  { partition: 2, key: 'no headers', value: 'x' },
  { partition: 3, key: 'large', value: Buffer.alloc(600_000, 'lorem ipsum '), headers: tenant('bob') },
  { partition: 3, key: 'large', value: Buffer.alloc(600_000, 'dolor sit '), headers: tenant('bob') },
];

describe('copies', { skip }, () => {
  it('are exact for odd records, as kcat sees them', async (context) => {
    const kafka = world();
    if (!(await ensureKcat())) return context.skip('kcat is missing; install it, for example: apt-get install kcat');
    const topic = await createOriginal(kafka, 4, [
      { name: 'message.timestamp.after.max.ms', value: String(10 * 3_600_000) },
    ]);
    for (const message of ODD) await kafka.producer.send({ topic, messages: [message] });
    const { queue } = await createSplit(kafka, topic, { alice: { tenant: '^alice$' } });
    const alice = queue.routes[0]?.destination.name ?? '';
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await waitForRecords(kafka, alice, 4);
    await waitForRecords(kafka, queue.fallback.name, 6);
    await pipeline.close();
    const read = (name: string) => lastRecords(kcatRunner(kafka.place), kafka.broker.bootstrapServers, name, 100);
    const original = await read(topic);
    assert.equal(original.length, ODD.length);
    assert.deepEqual(diffCopies(original, [await read(alice), await read(queue.fallback.name)], true), []);
    // The retention check has been over them by now.
    assert.equal((await readAll(kafka, queue.fallback.name)).length, 6);
  });

  it('keep bytes that no client here can write: null header values, no time, names that are no text', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1);
    const writer = new TransactionalProducer(kafka.cluster, unique('writer'));
    await writer.take();
    const contents = [
      { key: null, value: Buffer.from('1'), headers: [{ key: Buffer.from('n'), value: null }] },
      {
        key: Buffer.alloc(0),
        value: Buffer.alloc(0),
        headers: [
          { key: Buffer.from([255, 0]), value: Buffer.alloc(0) },
          { key: Buffer.from('n'), value: Buffer.from('1') },
          { key: Buffer.from('n'), value: Buffer.from('2') },
        ],
      },
    ];
    const times = [-1n, 1_000_000_000_000n];
    const records = contents.map((content, index) => ({
      body: writeContent(content),
      timestamp: times[index] ?? 0n,
      codec: 0,
    }));
    await writer.produce([{ topic, partition: 0, records }]);
    await writer.commit();
    const { queue } = await createSplit(kafka, topic);
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    const copies = await waitForRecords(kafka, queue.fallback.name, 2);
    await pipeline.close();
    assert.deepEqual(
      copies.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp })),
      contents.map((content, index) => ({ ...content, timestamp: times[index] })),
    );
  });

  for (const [codec, name] of ['none', 'gzip', 'snappy', 'lz4', 'zstd'].entries()) {
    it(`are exact for ${name}, and stay compressed so`, async (context) => {
      const kafka = world();
      if (!(await ensureKcat())) return context.skip('kcat is missing; install it, for example: apt-get install kcat');
      const topic = await createOriginal(kafka, 1);
      await produceWithKcat(kafka, topic, name, 500);
      const { queue } = await createSplit(kafka, topic);
      const pipeline = openPipeline(kafka, queue);
      await pipeline.apply(queue);
      const copies = await waitForRecords(kafka, queue.fallback.name, 500);
      await pipeline.close();
      assert.deepEqual(copies.map(withoutOffset), (await readAll(kafka, topic)).map(withoutOffset));
      assert.equal(copies[7]?.value?.toString(), 'message number 7');
      assert.ok(copies.every((copy) => copy.codec === codec));
    });
  }

  it('skip aborted and unfinished transactions of the application, and what compaction removed', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1, [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'segment.ms', value: '100' },
      { name: 'min.cleanable.dirty.ratio', value: '0.01' },
    ]);
    for (let round = 0; round < 5; round++) {
      await kafka.producer.send({
        topic,
        messages: numbered(round * 20, round * 20 + 20).map((message) => ({ ...message, partition: 0 })),
      });
    }
    const upstream = kafka.kafka.producer({ transactionalId: unique('upstream'), maxInFlightRequests: 1 });
    await upstream.connect();
    for (const outcome of ['commit', 'abort', 'commit'] as const) {
      const transaction = await upstream.transaction();
      await transaction.send({ topic, messages: [{ key: outcome, value: outcome }] });
      await transaction[outcome]();
    }
    const log = await waitFor(
      'compaction to leave gaps',
      async () => {
        // A new segment must begin before the old one can be cleaned.
        await kafka.producer.send({ topic, messages: [{ key: 'tick', value: 'tick' }] });
        const found = await readAll(kafka, topic);
        return found.length < 60 && found;
      },
      { deadlineMs: 30_000, intervalMs: 300 },
    );
    assert.ok(!log.some(({ value }) => value?.toString() === 'abort'));
    const open = await upstream.transaction();
    await open.send({ topic, messages: [{ key: 'open', value: 'open' }] });
    const { queue, group } = await createSplit(kafka, topic);
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    const fallback = queue.fallback.name;
    await waitFor('what is committed to be copied', async () => (await values(kafka, fallback)).includes('tick'), {
      deadlineMs: 20_000,
    });
    assert.ok(!(await values(kafka, fallback)).includes('open'));
    await open.commit();
    await waitFor('the transaction that ended late', async () => (await values(kafka, fallback)).at(-1) === 'open', {
      deadlineMs: 20_000,
    });
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    const [end] = await kafka.topics.fetchTopicOffsets(topic);
    assert.equal((await groupOffsets(kafka, group, topic))[0], end?.offset, 'also behind markers');
    await pipeline.close();
    await upstream.disconnect();
    const copied = await values(kafka, fallback);
    // Compaction goes on: what the original still has came over, in its order.
    let position = -1;
    for (const value of await values(kafka, topic)) {
      position = copied.indexOf(value, position + 1);
      assert.notEqual(position, -1, value);
    }
    assert.ok(!copied.includes('abort'));
  });

  it('of batches larger than the topic takes are cut smaller', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1, [{ name: 'max.message.bytes', value: '20000' }]);
    const messages = Array.from({ length: 100 }, (_, id) => ({ value: `${id} ${'x'.repeat(2000)}` }));
    for (let at = 0; at < 100; at += 5) await kafka.producer.send({ topic, messages: messages.slice(at, at + 5) });
    // One record that fits only compressed.
    await kafka.producer.send({
      topic,
      messages: [{ value: 'y'.repeat(100_000) }],
      compression: CompressionTypes.GZIP,
    });
    const { queue } = await createSplit(kafka, topic);
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    const copies = await waitForRecords(kafka, queue.fallback.name, 101);
    await pipeline.close();
    assert.deepEqual(
      copies.slice(0, 100).map(({ value }) => Number(value?.toString().split(' ')[0])),
      messages.map((_, id) => id),
    );
    assert.equal(copies[100]?.value?.length, 100_000);
  });
});

const withoutOffset = ({ partition, timestamp, key, value, headers }: Awaited<ReturnType<typeof readAll>>[number]) => ({
  partition,
  timestamp,
  key,
  value,
  headers,
});

async function produceWithKcat(kafka: KafkaWorld, topic: string, codec: string, count: number): Promise<void> {
  const input = Array.from({ length: count }, (_, id) => `key${id % 7}\tmessage number ${id}\n`).join('');
  const what = ['-t', topic, '-p', '0', '-K', '\t', '-z', codec, '-H', 'tenant=alice'];
  // librdkafka sends a batch as it is when compression makes it larger, as it does with one or two small messages.
  const batches = ['-X', 'linger.ms=1000'];
  await kafka.place.execute('kcat', ['-P', '-b', kafka.broker.bootstrapServers, ...what, ...batches], { input });
}
