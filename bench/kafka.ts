/**
 * `npm run bench:kafka [-- RECORDS]`: how fast one topic is forwarded to fallback and session by a header, exactly once, by our pipeline, and
 * by a plain kafkajs loop (eachBatch + sendBatch, at least once) beside it. 512 B records, 8 partitions, 2 % matched, real broker on this
 * machine: read ratios, not absolute numbers.
 */
import { systemClock } from '../common/clock.ts';
import { kafkaClientOptions } from '../common/kafka/connection-options.ts';
import { Cluster } from '../common/kafka/wire/cluster.ts';
import { logOffsets } from '../common/kafka/wire/offsets.ts';
import { writeContent } from '../common/kafka/wire/record-batch.ts';
import { TransactionalProducer } from '../common/kafka/wire/transactional-producer.ts';
import { createKafkaPipeline } from '../sidecar/kafka/pipeline.ts';
import { type KafkaBroker, startKafka } from '../test/testbed/brokers/kafka.ts';
import { localPlace } from '../test/testbed/brokers/place.ts';
import { openRun } from '../test/testbed/runs.ts';
import { ensureKafka } from '../test/testbed/toolchain/kafka.ts';
import { waitFor } from '../test/testbed/wait.ts';

const RECORDS = Number(process.argv[2] ?? 300_000);
const PARTITIONS = 8;
const PER_TRANSACTION = 10_000;
const ALL_PARTITIONS = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const DEADLINE_MS = 10 * 60_000;

const run = openRun();
const broker = await startKafka(localPlace(run), await ensureKafka());
const properties = new Map([['bootstrap.servers', broker.bootstrapServers]]);
const cluster = new Cluster(kafkaClientOptions(properties));
const admin = broker.client().admin();
await admin.connect();
for (const topic of ['orders', 'ours-fallback', 'ours-alice', 'theirs-fallback', 'theirs-alice']) {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: PARTITIONS }] });
  const hasLeaders = async () => (await cluster.describeTopic(topic)).partitions.every(({ leader }) => leader >= 0);
  await waitFor(`topic ${topic} to have leaders`, hasLeaders, { deadlineMs: 20_000 });
}
await fill();
const theirs = await measure('kafkajs eachBatch + sendBatch', () => forwardWithKafkajs(broker));
const ours = await measure('queue-splitter, exactly once', forwardWithPipeline);
console.log(`ratio: ${(ours / theirs).toFixed(2)} of the plain loop`);
await admin.disconnect();
await cluster.close();
run.destroy();

/** Prints and returns records per second. */
async function measure(name: string, forward: () => Promise<number>): Promise<number> {
  const cpuBefore = process.cpuUsage();
  const rate = RECORDS / (await forward());
  const { user, system } = process.cpuUsage(cpuBefore);
  console.log(`${name}: ${Math.round(rate)} records/s, ${((user + system) / RECORDS).toFixed(1)} µs of CPU for one`);
  return rate;
}

async function fill(): Promise<void> {
  const writer = new TransactionalProducer(cluster, 'fill');
  await writer.take();
  const body = (tenant: string) =>
    writeContent({
      key: Buffer.from('key'),
      value: Buffer.alloc(480, 'x'),
      headers: [{ key: Buffer.from('tenant'), value: Buffer.from(tenant) }],
    });
  const [alice, other] = [body('alice'), body('other')];
  for (let sent = 0; sent < RECORDS; sent += PER_TRANSACTION) {
    const records = Array.from({ length: PER_TRANSACTION / PARTITIONS }, (_, index) => ({
      timestamp: BigInt(Date.now()),
      body: index % 50 === 0 ? alice : other,
      codec: 0,
    }));
    await writer.produce(ALL_PARTITIONS.map((partition) => ({ topic: 'orders', partition, records })));
    await writer.commit();
  }
}

/** Waits until the topics hold all records; markers count, so it looks at the data only at the end. */
async function arrived(topics: readonly string[], startedAt: number): Promise<number> {
  await waitFor(
    'all records to arrive',
    async () => {
      const ends = await Promise.all(topics.map((topic) => logOffsets(cluster, topic, ALL_PARTITIONS, 'latest')));
      const total = ends.flatMap((offsets) => [...offsets.values()]).reduce((sum, end) => sum + Number(end), 0);
      return total >= RECORDS;
    },
    { deadlineMs: DEADLINE_MS, intervalMs: 50 },
  );
  return (performance.now() - startedAt) / 1000;
}

async function forwardWithPipeline(): Promise<number> {
  const queue = {
    key: 'orders',
    id: 'orders',
    kind: 'Kafka' as const,
    connection: {},
    variables: [],
    groupVariables: [],
    original: { name: 'orders', group: 'app' },
    fallback: { name: 'ours-fallback' },
    forwarding: 'Forward' as const,
    transactionalIdPrefix: 'bench',
    producers: 4,
    start: ALL_PARTITIONS.map((partition) => ({ partition, offset: '0' })),
    routes: [
      {
        session: 'alice',
        sessionUid: 'alice',
        filter: { tenant: '^alice$' },
        mode: 'steal' as const,
        destination: { name: 'ours-alice', group: 'alice' },
        startedAt: new Date(0).toISOString(),
        ending: false,
      },
    ],
  };
  const pipeline = createKafkaPipeline(
    queue,
    {
      split: { name: 'bench', namespace: 'bench', uid: 'bench' },
      onChange: () => undefined,
      mayWrite: () => true,
      othersMayWrite: () => undefined,
      isFallbackRead: () => true,
    },
    { resolveProperties: async () => properties, clock: systemClock, random: Math.random },
  );
  const startedAt = performance.now();
  await pipeline.apply(queue);
  const seconds = await arrived(['ours-fallback', 'ours-alice'], startedAt);
  await pipeline.close();
  return seconds;
}

async function forwardWithKafkajs(on: KafkaBroker): Promise<number> {
  const kafka = on.client();
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: 'theirs' });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  const startedAt = performance.now();
  await consumer.run({
    partitionsConsumedConcurrently: PARTITIONS,
    eachBatch: async ({ batch }) => {
      const isAlices = (headers: Record<string, unknown> | undefined) => String(headers?.['tenant']) === 'alice';
      const to = (topic: string, wanted: boolean) => ({
        topic,
        messages: batch.messages
          .filter(({ headers }) => isAlices(headers) === wanted)
          .map((message) => ({ ...message, headers: message.headers ?? {}, partition: batch.partition })),
      });
      await producer.sendBatch({ topicMessages: [to('theirs-fallback', false), to('theirs-alice', true)] });
    },
  });
  const seconds = await arrived(['theirs-fallback', 'theirs-alice'], startedAt);
  await Promise.all([consumer.disconnect(), producer.disconnect()]);
  return seconds;
}
