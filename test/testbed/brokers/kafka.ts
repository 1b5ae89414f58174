/**
 * Real Kafka brokers (KRaft) as processes of the run: one, ready in about two seconds, or several that are brokers and controllers alike.
 * Small, but with Kafka's own defaults wherever a test could notice the difference.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { type Admin, type ISocketFactory, Kafka, logLevel, type RetryOptions } from 'kafkajs';
import type { Supervised } from '../processes.ts';
import type { JavaProgram } from '../toolchain/kafka.ts';
import { waitFor } from '../wait.ts';
import { jvmOptions } from './jvm.ts';
import { type Place, waitForLine } from './place.ts';

export type KafkaOptions = {
  /** Default 9092 inside a cluster, else a free one. */
  readonly port?: number;
  /** Default true, as Kafka's. */
  readonly autoCreateTopics?: boolean;
  /** Overrides server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** One more than the plain one that this process uses. */
  readonly listener?: { readonly name: string; readonly protocol: string; readonly port: number };
  /** More arguments for the formatting of the data directory, for example `--add-scram …`. */
  readonly formatting?: readonly string[];
};

/** One process of a cluster. */
export type KafkaNode = {
  readonly id: number;
  readonly port: number;
  readonly process: () => Supervised;
  /** Starts it again on the same data and port, after `stop` or `kill`. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly kill: () => Promise<void>;
};

type Access = {
  /** For programs of the same place and for pods. */
  readonly bootstrapServers: string;
  /** A client for this process, wherever the broker runs. */
  readonly client: (clientId?: string) => Kafka;
};

export type KafkaBroker = Access & KafkaNode;
export type KafkaCluster = Access & { readonly nodes: readonly KafkaNode[] };

const READY_DEADLINE_MS = 60_000;
const LOGGING = ['defaultLogLevel=warn', 'log.kafka.server.KafkaRaftServer=info', 'showDateTime=true'].map(
  (setting) => `-Dorg.slf4j.simpleLogger.${setting}`,
);

/** 16 random bytes in URL-safe base64, as Kafka wants it. */
function clusterId(): string {
  return randomBytes(16).toString('base64url');
}

type Ports = { readonly id: number; readonly port: number; readonly controllerPort: number };

function propertiesOf(place: Place, node: Ports, all: readonly Ports[], directory: string, options: KafkaOptions) {
  const { id, port, controllerPort } = node;
  const { listener } = options;
  const more = listener === undefined ? '' : `,${listener.name}://${place.host}:${listener.port}`;
  const protocol = listener === undefined ? '' : `,${listener.name}:${listener.protocol}`;
  const replicas = String(all.length);
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': all.map((voter) => `${voter.id}@${place.host}:${voter.controllerPort}`).join(','),
    listeners: `PLAINTEXT://${place.host}:${port},CONTROLLER://${place.host}:${controllerPort}${more}`,
    'advertised.listeners': `PLAINTEXT://${place.host}:${port}${more}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${protocol}`,
    'log.dirs': join(directory, 'data'),
    'auto.create.topics.enable': String(options.autoCreateTopics ?? true),
    'default.replication.factor': replicas,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': all.length > 2 ? '2' : '1',
    'transaction.state.log.num.partitions': replicas,
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    // After a kill the controller refuses the broker until its old session (default 9 s) is over.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    ...options.properties,
  };
}

/** Formats a fresh data directory in the run's directory and starts the broker. Rejects with the end of its log. */
export async function startKafka(place: Place, program: JavaProgram, options: KafkaOptions = {}): Promise<KafkaBroker> {
  const port = options.port ?? (await place.port(9092));
  const ports = { id: 1, port, controllerPort: await place.port(port + 1) };
  const { nodes, ...access } = await startNodes(place, program, [ports], options);
  const [node] = nodes;
  if (node === undefined) throw new Error('No broker was started.');
  return { ...access, ...node };
}

/** `count` nodes with free ports; every topic has that many replicas unless told. Only for a place without a network of its own. */
export async function startKafkaCluster(
  place: Place,
  program: JavaProgram,
  count: number,
  options: KafkaOptions = {},
): Promise<KafkaCluster> {
  const ports: Ports[] = [];
  for (let id = 1; id <= count; id += 1) {
    ports.push({ id, port: await place.port(9092 + 2 * id), controllerPort: await place.port(9093 + 2 * id) });
  }
  return startNodes(place, program, ports, options);
}

async function startNodes(
  place: Place,
  program: JavaProgram,
  ports: readonly Ports[],
  options: KafkaOptions,
): Promise<KafkaCluster> {
  if (!program.available) throw new Error(`${program.reason} ${program.howToGet}`);
  const java = ['-Xms96m', ...jvmOptions(place.directory, 384), ...LOGGING, '-cp', program.classPath];
  const cluster = clusterId();
  const nodes = await Promise.all(
    ports.map(async (node) => {
      const directory = join(place.directory, `kafka-${node.port}`);
      const file = join(directory, 'server.properties');
      mkdirSync(directory);
      const properties = Object.entries(propertiesOf(place, node, ports, directory, options));
      writeFileSync(file, properties.map(([name, value]) => `${name}=${value}\n`).join(''));
      await place.execute('java', [
        ...java,
        'kafka.tools.StorageTool',
        'format',
        `--cluster-id=${cluster}`,
        '-c',
        file,
        ...(options.formatting ?? []),
      ]);
      return startNode(place, node, [...java, 'kafka.Kafka', file]);
    }),
  );
  const way = ports.length === 1 ? await place.reach(ports[0]?.port ?? 0) : undefined;
  const bootstrapServers = ports.map(({ port }) => `${place.host}:${port}`).join(',');
  const client = (clientId = 'testbed', retry: RetryOptions = {}) =>
    new Kafka({
      clientId,
      brokers: bootstrapServers.split(','),
      logLevel: logLevel.NOTHING,
      ...(way === undefined ? {} : { socketFactory: socketsTo(way) }),
      retry,
    });
  await makeGroupCoordinator(client('testbed', { retries: 0 }));
  return { bootstrapServers, client: (clientId) => client(clientId), nodes };
}

async function startNode(place: Place, { id, port }: Ports, command: readonly string[]): Promise<KafkaNode> {
  const launch = async () => {
    const started = await place.start('java', [...command], { name: `kafka-${port}` });
    await waitForLine(started, /Kafka Server started/, READY_DEADLINE_MS);
    return started;
  };
  let running = await launch();
  return {
    id,
    port,
    process: () => running,
    start: async () => {
      running = await launch();
    },
    stop: () => running.stop(20_000),
    kill: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  };
}

/** Resolves when all partitions can be written. kafkajs's own waiting for that fails on a topic that the broker has not heard of yet. */
export async function createTopic(
  admin: Admin,
  topic: string,
  numPartitions: number,
  configEntries: { name: string; value: string }[] = [],
): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] });
  await waitFor(
    `topic ${topic} to have leaders`,
    async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const partitions = topics[0]?.partitions ?? [];
      return partitions.length === numPartitions && partitions.every(({ leader }) => leader >= 0);
    },
    { deadlineMs: 20_000, intervalMs: 20 },
  );
}

/** The broker makes its offsets topic when it is first asked for a coordinator; kafkajs then waits for seconds, we ask again at once. */
async function makeGroupCoordinator(client: Kafka): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  try {
    await waitFor('the group coordinator', async () => (await admin.describeGroups(['nobody'])).groups.length > 0, {
      deadlineMs: READY_DEADLINE_MS,
      intervalMs: 50,
    });
  } finally {
    await admin.disconnect();
  }
}

/** The broker advertises its address inside the place; every connection of this process takes the way that leads there. */
function socketsTo(way: { readonly host: string; readonly port: number }): ISocketFactory {
  return ({ onConnect }) => connectSocket({ ...way, noDelay: true }, onConnect);
}
