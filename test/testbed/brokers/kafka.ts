/**
 * A real single-node Kafka broker (KRaft) as a process of the run, ready in about two seconds.
 * Small, but with Kafka's own defaults wherever a test could notice the difference.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { type ISocketFactory, Kafka, logLevel, type RetryOptions } from 'kafkajs';
import type { Supervised } from '../processes.ts';
import type { JavaProgram } from '../toolchain/kafka.ts';
import { waitFor } from '../wait.ts';
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

export type KafkaBroker = {
  /** For programs of the same place and for pods. */
  readonly bootstrapServers: string;
  /** A client for this process, wherever the broker runs. */
  readonly client: (clientId?: string) => Kafka;
  readonly process: () => Supervised;
  /** Starts it again on the same data and port, after `stop` or `kill`. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly kill: () => Promise<void>;
};

const READY_DEADLINE_MS = 60_000;
const JVM = ['-Xms96m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
const LOGGING = ['defaultLogLevel=warn', 'log.kafka.server.KafkaRaftServer=info', 'showDateTime=true'].map(
  (setting) => `-Dorg.slf4j.simpleLogger.${setting}`,
);

/** 16 random bytes in URL-safe base64, as Kafka wants it. */
function clusterId(): string {
  return randomBytes(16).toString('base64url');
}

function propertiesOf(place: Place, port: number, controllerPort: number, directory: string, options: KafkaOptions) {
  const { listener } = options;
  const more = listener === undefined ? '' : `,${listener.name}://${place.host}:${listener.port}`;
  const protocol = listener === undefined ? '' : `,${listener.name}:${listener.protocol}`;
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${place.host}:${controllerPort}`,
    listeners: `PLAINTEXT://${place.host}:${port},CONTROLLER://${place.host}:${controllerPort}${more}`,
    'advertised.listeners': `PLAINTEXT://${place.host}:${port}${more}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${protocol}`,
    'log.dirs': join(directory, 'data'),
    'auto.create.topics.enable': String(options.autoCreateTopics ?? true),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
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
  if (!program.available) throw new Error(`${program.reason} ${program.howToGet}`);
  const port = options.port ?? (await place.port(9092));
  const controllerPort = await place.port(port + 1);
  const directory = join(place.directory, `kafka-${port}`);
  const file = join(directory, 'server.properties');
  mkdirSync(directory);
  const properties = propertiesOf(place, port, controllerPort, directory, options);
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const java = [...JVM, ...LOGGING, '-cp', program.classPath];
  await place.execute('java', [
    ...java,
    'kafka.tools.StorageTool',
    'format',
    `--cluster-id=${clusterId()}`,
    '-c',
    file,
    ...(options.formatting ?? []),
  ]);
  const launch = async () => {
    const started = await place.start('java', [...java, 'kafka.Kafka', file], { name: `kafka-${port}` });
    await waitForLine(started, /Kafka Server started/, READY_DEADLINE_MS);
    return started;
  };
  let running = await launch();
  const way = await place.reach(port);
  const client = (clientId = 'testbed', retry: RetryOptions = {}) =>
    new Kafka({
      clientId,
      brokers: [`${place.host}:${port}`],
      logLevel: logLevel.NOTHING,
      socketFactory: socketsTo(way),
      retry,
    });
  await makeGroupCoordinator(client('testbed', { retries: 0 }));
  return {
    bootstrapServers: `${place.host}:${port}`,
    client: (clientId) => client(clientId),
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
