// What the Kafka broker tests share: one broker, topics with free names, split queues made by the product's own admin, and what a topic holds.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before } from 'node:test';
import type { Admin, Kafka, Producer } from 'kafkajs';
import type { ForwarderQueueStatus, LedgerEntry, Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import { systemClock } from '../../common/clock.ts';
import { kafkaClientOptions } from '../../common/kafka/connection-options.ts';
import { Cluster } from '../../common/kafka/wire/cluster.ts';
import { logOffsets } from '../../common/kafka/wire/offsets.ts';
import { createKafkaAdmin, type KafkaAdmin } from '../../controller/brokers/kafka/admin.ts';
import { createKafkaPipeline } from '../../sidecar/kafka/pipeline.ts';
import type { KafkaSettings } from '../../sidecar/kafka/settings.ts';
import type { Pipeline } from '../../sidecar/pipeline.ts';
import {
  createTopic as createKafkaTopic,
  type KafkaBroker,
  type KafkaNode,
  type KafkaOptions,
  startKafka,
  startKafkaCluster,
} from '../testbed/brokers/kafka.ts';
import { localPlace, type Place } from '../testbed/brokers/place.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { ensureKafka, type JavaProgram } from '../testbed/toolchain/kafka.ts';
import { waitFor } from '../testbed/wait.ts';

/** The world that `before` opened. */
export function opened<World extends KafkaWorld>(world: World | undefined): World {
  assert.ok(world);
  return world;
}

/** Opens a world before the tests around this call and closes it after them. What it returns gives a test the world. */
export function useKafkaWorld<World extends KafkaWorld>(open: () => Promise<World | undefined>): () => World {
  let world: World | undefined;
  before(async () => {
    world = await open();
  });
  after(() => world?.close());
  return () => opened(world);
}

export const OWNER = { clusterUid: 'cluster', splitUid: 'split' };
export const FAST: Partial<KafkaSettings> = { watchIntervalMs: 200, readerGraceMs: 500, fetchWaitMs: 100 };

export type KafkaWorld = {
  run: Run;
  place: Place;
  broker: KafkaBroker;
  properties: Map<string, string>;
  /** The product's wire client. */
  cluster: Cluster;
  admin: KafkaAdmin;
  /** A client that is not ours, and what tests do with it. */
  kafka: Kafka;
  topics: Admin;
  producer: Producer;
  /** What a failed test leaves open is closed with the world. */
  closeLater(close: () => Promise<unknown>): void;
  close(): Promise<void>;
};

const program = await ensureKafka();

/** For `describe`: why these tests cannot run here, or false. */
export const skip: string | false = program.available ? false : `${program.reason} ${program.howToGet}`;

/** Undefined where it cannot run; every test that needs it is skipped then. */
export async function openKafkaWorld(
  brokerProperties: Record<string, string> = {},
  more: Pick<KafkaOptions, 'listener' | 'formatting'> = {},
  brokerProgram: JavaProgram = program,
): Promise<KafkaWorld | undefined> {
  if (!brokerProgram.available) return undefined;
  const run = openRun();
  const place = localPlace(run);
  const broker = await startKafka(place, brokerProgram, {
    autoCreateTopics: false,
    properties: brokerProperties,
    ...more,
  });
  return openWorld(run, place, broker);
}

export type KafkaClusterWorld = KafkaWorld & { nodes: readonly KafkaNode[] };

/** As `openKafkaWorld`, with several brokers; `broker` is the first of them. */
export async function openKafkaClusterWorld(
  count: number,
  properties: Record<string, string>,
): Promise<KafkaClusterWorld | undefined> {
  if (!program.available) return undefined;
  const run = openRun();
  const place = localPlace(run);
  const { nodes, ...access } = await startKafkaCluster(place, program, count, { autoCreateTopics: false, properties });
  const [first] = nodes;
  assert.ok(first);
  return { ...(await openWorld(run, place, { ...access, ...first })), nodes };
}

async function openWorld(run: Run, place: Place, broker: KafkaBroker): Promise<KafkaWorld> {
  const properties = new Map([['bootstrap.servers', broker.bootstrapServers]]);
  const cluster = new Cluster(kafkaClientOptions(properties));
  const admin = createKafkaAdmin(async () => properties);
  const kafka = broker.client();
  const topics = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([topics.connect(), producer.connect()]);
  const open: (() => Promise<unknown>)[] = [];
  const close = async () => {
    await Promise.allSettled(open.map((closeIt) => closeIt()));
    await Promise.all([topics.disconnect(), producer.disconnect(), cluster.close(), admin.close()]);
    await run.destroy();
  };
  return {
    run,
    place,
    broker,
    properties,
    cluster,
    admin,
    kafka,
    topics,
    producer,
    closeLater: (closeIt) => open.push(closeIt),
    close,
  };
}

export type Split = {
  topic: string;
  group: string;
  queue: SplitQueue;
  /** By session. */
  entries: Record<string, LedgerEntry>;
};

export function unique(name: string): string {
  return `${name}-${randomBytes(4).toString('hex')}`;
}

/** Resolves when the product's own client can use it, too. */
export async function makeTopic(
  world: KafkaWorld,
  topic: string,
  partitions: number,
  configEntries: { name: string; value: string }[] = [],
): Promise<void> {
  await createKafkaTopic(world.topics, topic, partitions, configEntries);
  const numbers = Array.from({ length: partitions }, (_, partition) => partition);
  await waitFor(
    `every leader of topic ${topic} to answer`,
    async () => (await logOffsets(world.cluster, topic, numbers, 'latest')).size === partitions,
    { deadlineMs: 20_000, intervalMs: 20 },
  );
}

export async function createOriginal(
  world: KafkaWorld,
  partitions = 4,
  configEntries: { name: string; value: string }[] = [],
): Promise<string> {
  const topic = unique('orders');
  await makeTopic(world, topic, partitions, configEntries);
  return topic;
}

/** As the controller does it: describe, note where to start, create temporary topics. `sessions`: name → filter. */
export async function createSplit(
  world: KafkaWorld,
  topic: string,
  sessions: Record<string, Record<string, string>> = {},
  group = unique('app'),
): Promise<Split> {
  const { location } = await world.admin.describeOriginal(topic, {}, group);
  const id = unique('mirrord-tmp');
  const bare: SplitQueue = {
    key: 'orders',
    id: 'orders',
    kind: 'Kafka',
    connection: {},
    variables: [],
    groupVariables: [],
    original: location,
    fallback: { name: `${id}-fallback` },
    routes: [],
    forwarding: 'Forward',
    transactionalIdPrefix: id,
    producers: 2,
  };
  // Everything there is belongs to the split, as with auto.offset.reset=earliest.
  const start = (await world.admin.startOffsets(bare)).map(({ partition }) => ({ partition, offset: '0' }));
  const fallback = await createTopic(world, bare, `${id}-fallback`, 'fallback', group);
  const entries: Record<string, LedgerEntry> = { fallback };
  const routes: Route[] = [];
  for (const [index, [session, filter]] of Object.entries(sessions).entries()) {
    const entry = await createTopic(world, bare, `${id}-${session}`, 'session', `${id}-${session}`);
    entries[session] = entry;
    const destination = { name: entry.name, group: entry.name, ...(entry.topicId ? { topicId: entry.topicId } : {}) };
    const startedAt = new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString();
    routes.push({
      session,
      sessionUid: `uid-${session}`,
      filter,
      mode: 'steal',
      destination,
      startedAt,
      ending: false,
    });
  }
  const topicId = fallback.topicId;
  const queue = { ...bare, start, routes, fallback: { ...bare.fallback, ...(topicId ? { topicId } : {}) } };
  return { topic, group, queue, entries };
}

export async function createTopic(
  world: KafkaWorld,
  queue: SplitQueue,
  name: string,
  role: 'fallback' | 'session',
  group: string,
): Promise<LedgerEntry> {
  const entry: LedgerEntry = { kind: 'KafkaTopic', name, role, queue: queue.key, state: 'Planned' };
  const request = { entry, original: queue.original, connection: {}, owner: OWNER, tags: {}, group };
  return { ...entry, ...(await world.admin.create(request)), state: 'Created' };
}

export type TestPipeline = Pipeline & { allow(mayWrite: boolean): void };

export function openPipeline(
  world: KafkaWorld,
  queue: SplitQueue,
  settings: Partial<KafkaSettings> = {},
  onStatus: (status: ForwarderQueueStatus) => void = () => undefined,
): TestPipeline {
  let mayWrite = true;
  const pipeline: Pipeline = createKafkaPipeline(
    queue,
    {
      split: { name: 'deployment-worker', namespace: 'shop', uid: 'u' },
      onChange: () => onStatus(pipeline.status()),
      mayWrite: () => mayWrite,
      othersMayWrite: () => undefined,
      isFallbackRead: () => true,
    },
    {
      resolveProperties: async () => world.properties,
      clock: systemClock,
      random: Math.random,
      settings: { ...FAST, ...settings },
    },
  );
  world.closeLater(() => pipeline.close());
  return {
    apply: (next) => pipeline.apply(next),
    status: () => pipeline.status(),
    close: () => pipeline.close(),
    allow: (allowed) => {
      mayWrite = allowed;
    },
  };
}

export function growTopic(
  kafka: KafkaWorld,
  { original }: SplitQueue,
  entry: LedgerEntry,
  group: string,
): Promise<void> {
  return kafka.admin.grow({ entry, original, connection: {}, owner: OWNER, tags: {}, group });
}

/** A temporary topic as the controller makes it once more, after a crash between the broker's answer and the ledger. */
export function createTopicAgain(kafka: KafkaWorld, queue: SplitQueue, name: string, topicId: string) {
  const entry = { kind: 'KafkaTopic', name, role: 'session', queue: 'orders', state: 'Created', topicId } as const;
  return kafka.admin.create({ entry, original: queue.original, connection: {}, owner: OWNER, tags: {} });
}

/** For topics that go: a producer that was asked for a topic once asks for it for ever, and the world's own is everybody's. */
export async function openProducer({ kafka, closeLater }: KafkaWorld): Promise<Producer> {
  const producer = kafka.producer();
  closeLater(() => producer.disconnect());
  await producer.connect();
  return producer;
}

/** What tests do goes on as before; the product's own calls are made with these properties. */
export function withProperties(world: KafkaWorld, properties: Map<string, string>): KafkaWorld {
  const admin = createKafkaAdmin(async () => properties);
  world.closeLater(() => admin.close());
  return { ...world, properties, admin };
}

export const ALICE = { tenant: '^alice$' };
/** The split when its sessions have ended. */
export const ending = (queue: SplitQueue): SplitQueue => ({
  ...queue,
  routes: queue.routes.map((route) => ({ ...route, ending: true })),
});

/** The route of the only session. */
export function routeOf(queue: SplitQueue): Route & { destination: { group: string } } {
  const [route] = queue.routes;
  assert.ok(route?.destination.group);
  return { ...route, destination: { ...route.destination, group: route.destination.group } };
}
