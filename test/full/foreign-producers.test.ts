/**
 * What producers of Apache's Java client and of librdkafka write is copied exactly, whatever it is: all codecs, idempotent and transactional, aborted
 * transactions, null and empty keys and values, tombstones, null and repeated headers, sizes at the limit. The judge is Apache's own consumer.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import {
  dump,
  type ForeignMessage,
  produce,
  type SeenRecord,
  skipWithout,
  textOf,
} from '../brokers/foreign/programs.ts';
import { waitForRecords } from '../brokers/kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  type KafkaWorld,
  opened,
  openKafkaWorld,
  openPipeline,
  routeOf,
  skip,
  unique,
} from '../brokers/kafka-support.ts';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const LIBRARIES = ['java', 'confluent'] as const;
const PARTITIONS = 3;

const bytes = (text: string) => Buffer.from(text);
const tenant = (name: string): [string, Buffer] => ['tenant', bytes(name)];

/** Every other one is alice's. */
const MESSAGES: readonly ForeignMessage[] = [
  { key: bytes('k'), value: bytes('plain'), headers: [tenant('alice')] },
  { key: null, value: bytes('without key'), headers: [tenant('bob')] },
  { key: bytes(''), value: bytes(''), headers: [tenant('alice'), tenant('bob')] },
  { key: bytes('tombstone'), value: null, headers: [tenant('malice')] },
  { key: null, value: null, headers: [['null', null], tenant('bob'), ['empty', bytes('')], tenant('alice')] },
  { key: Buffer.from([0, 255]), value: Buffer.from([254, 0, 10]), headers: [['tenant', Buffer.from([255, 97])]] },
  { timestamp: 1_000_000_000_000, key: bytes('old'), value: bytes('x'), headers: [tenant('alice')] },
  { key: bytes('no headers'), value: bytes('x') },
  // Larger than one block of lz4 and of snappy's framing, and not compressible to nothing.
  { partition: 1, key: bytes('large'), value: bytes(numbers(60_000)), headers: [tenant('alice')] },
  { partition: 1, key: bytes('large'), value: bytes(numbers(60_001)), headers: [tenant('Alice')] },
];

function numbers(count: number): string {
  return Array.from({ length: count }, (_, index) => index * index).join('');
}

const place = ({ partition, timestamp, key, value, headers }: SeenRecord) => ({
  partition,
  timestamp,
  key,
  value,
  headers,
});
const isAlices = ({ headers }: SeenRecord) =>
  headers.some(([name, value]) => textOf(name) === 'tenant' && textOf(value) === 'alice');
/** What Java programs unpack for lz4 and snappy, and leave behind when they are killed. */
const unpacked = () => readdirSync(tmpdir()).filter((name) => /lz4|snappy/i.test(name));
/** In the order of each partition. */
const inOrder = (records: readonly SeenRecord[]) =>
  records.toSorted((one, other) => one.partition - other.partition || one.offset - other.offset).map(place);

describe('producers that are not ours', { skip: skip || skipWithout('java') || skipWithout('confluent') }, () => {
  let world: KafkaWorld | undefined;
  const unpackedBefore = unpacked();
  before(async () => {
    world = await openKafkaWorld();
  });
  after(async () => {
    await world?.close();
    assert.deepEqual(unpacked(), unpackedBefore);
  });

  for (const [type, configs] of Object.entries({
    CreateTime: [],
    LogAppendTime: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }],
  })) {
    it(`write with every codec, in and out of transactions, to a topic with ${type}`, async () => {
      const kafka = opened(world);
      const topic = await createOriginal(kafka, PARTITIONS, configs);
      const { queue } = await createSplit(kafka, topic, { alice: ALICE });
      const pipeline = openPipeline(kafka, queue);
      await pipeline.apply(queue);
      const server = { 'bootstrap.servers': kafka.broker.bootstrapServers };
      for (const library of LIBRARIES) {
        const idempotent = { ...server, 'enable.idempotence': 'true' };
        await produce(library, topic, CODECS, 'none', idempotent, MESSAGES);
        for (const outcome of ['abort', 'commit'] as const) {
          const transactional = { ...server, 'transactional.id': unique(library) };
          await produce(library, topic, CODECS, outcome, transactional, MESSAGES);
        }
      }
      const read = { ...server, 'isolation.level': 'read_committed' };
      const original = await dump(topic, read);
      const COMMITTED = LIBRARIES.length * 2 * CODECS.length * MESSAGES.length;
      assert.equal(original.length, COMMITTED);
      const alice = routeOf(queue).destination.name;
      await waitForRecords(kafka, alice, COMMITTED / 2);
      await waitForRecords(kafka, queue.fallback.name, COMMITTED / 2);
      await pipeline.close();
      for (const [copy, wanted] of [
        [alice, true],
        [queue.fallback.name, false],
      ] as const) {
        assert.deepEqual(
          inOrder(await dump(copy, read)),
          inOrder(original.filter((record) => isAlices(record) === wanted)),
        );
      }
    });
  }

  it('write records as large as the topic takes, and larger ones once it takes them', async () => {
    const kafka = opened(world);
    const limit = 300_000;
    const topic = await createOriginal(kafka, 1, [{ name: 'max.message.bytes', value: String(limit) }]);
    const { queue } = await createSplit(kafka, topic, { alice: ALICE });
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    const server = { 'bootstrap.servers': kafka.broker.bootstrapServers };
    // The batch's header, the record's own fields and its header take less than a hundred bytes.
    const value = bytes(numbers(100_000).slice(0, limit - 100));
    await produce('java', topic, ['none'], 'none', server, [{ key: null, value, headers: [tenant('alice')] }]);
    // Compressed it is small; uncompressed it is larger than the topic takes.
    const zeros = Buffer.alloc(900_000);
    await produce('java', topic, ['gzip', 'zstd', 'lz4', 'snappy'], 'none', server, [
      { key: null, value: zeros, headers: [tenant('alice')] },
      { key: null, value: zeros, headers: [tenant('bob')] },
    ]);
    await waitForRecords(kafka, routeOf(queue).destination.name, 5);
    await waitForRecords(kafka, queue.fallback.name, 4);
    await pipeline.close();
  });
});
