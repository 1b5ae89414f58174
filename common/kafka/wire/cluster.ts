// Brokers of one cluster: connections, who leads which partition, who coordinates what. Knows nothing of records or groups.
// Never asks a broker to create a topic: metadata requests with auto creation would bring deleted topics back (kafka-notes C13).
import {
  apiVersionsV3,
  Connection,
  FindCoordinatorKeyTypes,
  findCoordinatorV4,
  metadataV12,
} from '@platformatic/kafka';
import { type Clock, pause, systemClock } from '../../clock.ts';
import { SplitterError } from '../../errors.ts';
import type { BrokerAddress, KafkaClientOptions } from '../connection-options.ts';
import { call } from './call.ts';
import { connectionError, errorName, isKafkaError, kafkaError } from './errors.ts';

export type PartitionInfo = { partition: number; leader: number; leaderEpoch: number; replicas: number };
export type TopicInfo = { name: string; topicId: string; partitions: PartitionInfo[] };

export type CoordinatorKind = keyof typeof FindCoordinatorKeyTypes;

/**
 * Requests on one connection are answered one after another, so a long poll holds up what comes behind it.
 * Each use that must not wait for another has its own channel: `control` unless told.
 */
export type Channel = string;
const CONTROL: Channel = 'control';

const CLOSED = ['none', 'closed', 'closing', 'error'];
const UNKNOWN_TOPIC_OR_PARTITION = 3;
const LEADER_NOT_AVAILABLE = 5;
const MOVE_DEADLINE_MS = 10_000;
const COORDINATOR_MOVED = ['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'];
const LEADER_MOVED = [
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
];

export class Cluster {
  readonly options: KafkaClientOptions;
  readonly clock: Clock;
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #brokers = new Map<number, BrokerAddress>();
  readonly #coordinators = new Map<string, number>();
  readonly #topics = new Map<string, TopicInfo>();
  /** `clock.monotonic()` when a connection to this address ended or could not be made. */
  readonly #lostAt = new Map<string, number>();
  #controller = -1;
  #clusterId = '';
  #closed = false;

  constructor(options: KafkaClientOptions, clock: Clock = systemClock) {
    this.options = options;
    this.clock = clock;
  }

  /** Asks the cluster now. Topics that do not exist are missing in the result; partitions without a leader have leader −1. */
  async describeTopics(names: readonly string[]): Promise<Map<string, TopicInfo>> {
    const response = await call(await this.anyBroker(), metadataV12.api, [...names], false, false);
    this.#learn(response);
    const found = new Map<string, TopicInfo>();
    for (const topic of response.topics) {
      const name = topic.name ?? '';
      const error = errorName(topic.errorCode);
      this.#topics.delete(name);
      if (error === 'UNKNOWN_TOPIC_OR_PARTITION') continue;
      if (topic.errorCode !== 0 && error !== 'LEADER_NOT_AVAILABLE') throw kafkaError(topic.errorCode, `topic ${name}`);
      const partitions = topic.partitions
        .map((entry) => ({
          partition: entry.partitionIndex,
          leader: entry.leaderId,
          leaderEpoch: entry.leaderEpoch,
          replicas: entry.replicaNodes.length,
        }))
        .sort((one, other) => one.partition - other.partition);
      const info = { name, topicId: topic.topicId, partitions };
      this.#topics.set(name, info);
      found.set(name, info);
    }
    return found;
  }

  /** As `describeTopics` for one topic. @throws `QueueNotFound` */
  async describeTopic(name: string): Promise<TopicInfo> {
    const topic = (await this.describeTopics([name])).get(name);
    if (topic === undefined) throw new SplitterError('QueueNotFound', missing(name));
    return topic;
  }

  /** What was learned last, asked for when nothing is known. */
  async knownTopic(name: string): Promise<TopicInfo> {
    return this.#topics.get(name) ?? this.describeTopic(name);
  }

  forgetTopic(name: string): void {
    this.#topics.delete(name);
  }

  /** Errors have `details.partitions`: a destination that fails must not stop the others (kafka-notes C14). */
  async leaderOf(topic: string, partition: number): Promise<PartitionInfo> {
    const details = { topic, partitions: [partition] };
    const known = this.#topics.get(topic) ?? (await this.describeTopics([topic])).get(topic);
    if (known === undefined) throw new SplitterError('QueueNotFound', missing(topic), { retryable: true, details });
    const info = known.partitions.find((entry) => entry.partition === partition);
    if (info !== undefined && info.leader >= 0) return info;
    this.forgetTopic(topic);
    const code = info === undefined ? UNKNOWN_TOPIC_OR_PARTITION : LEADER_NOT_AVAILABLE;
    throw kafkaError(code, `topic ${topic}, partition ${partition}`, null, details);
  }

  /** Ids of the brokers that metadata named last. */
  get nodes(): number[] {
    return [...this.#brokers.keys()];
  }

  async clusterId(): Promise<string> {
    if (this.#clusterId === '') await this.describeTopics([]);
    return this.#clusterId;
  }

  /** Changes of topics go here. */
  async controller(): Promise<Connection> {
    await this.describeTopics([]);
    return this.#brokers.has(this.#controller) ? this.broker(this.#controller) : this.anyBroker();
  }

  async broker(node: number, channel: Channel = CONTROL): Promise<Connection> {
    const address = this.#brokers.get(node);
    if (address === undefined) throw unreachable(`Kafka broker ${node} is not known`);
    return this.#connect(`${node}/${channel}`, address);
  }

  /** Who was lost last is asked last: a broker that hangs takes connections and answers nothing until the request's time is over. */
  async anyBroker(): Promise<Connection> {
    const lostAt = ({ host, port }: BrokerAddress) => this.#lostAt.get(`${host}:${port}`) ?? 0;
    const candidates = [...this.#brokers.values(), ...this.options.bootstrap].toSorted(
      (one, other) => lostAt(one) - lostAt(other),
    );
    const failures: string[] = [];
    for (const address of candidates) {
      try {
        return await this.#connect(`${address.host}:${address.port}`, address);
      } catch (error) {
        if (error instanceof SplitterError && !error.retryable) throw error;
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    throw unreachable(`no Kafka broker answers: ${[...new Set(failures)].join('; ')}`);
  }

  /**
   * Calls the coordinator of a group or transactional id, finding it first (which also makes the internal topic on a fresh cluster)
   * and again whenever the answer says that it moved. `attempt` throws a kafkaError for its response's code.
   */
  withCoordinator<T>(
    kind: CoordinatorKind,
    key: string,
    attempt: (connection: Connection) => Promise<T>,
    channel: Channel = CONTROL,
  ): Promise<T> {
    const forget = () => this.#coordinators.delete(`${kind}/${key}`);
    return this.#whileMoved(COORDINATOR_MOVED, forget, async () =>
      attempt(await this.#coordinator(kind, key, channel)),
    );
  }

  /** Calls leaders of a topic's partitions, and asks who leads again when they have changed or are not known everywhere yet. */
  withLeaders<T>(topic: string, attempt: () => Promise<T>): Promise<T> {
    return this.#whileMoved(LEADER_MOVED, () => this.forgetTopic(topic), attempt);
  }

  async #whileMoved<T>(moved: readonly string[], forget: () => void, attempt: () => Promise<T>): Promise<T> {
    const deadline = this.clock.monotonic() + MOVE_DEADLINE_MS;
    for (let delayMs = 20; ; delayMs = Math.min(delayMs * 2, 500)) {
      try {
        return await attempt();
      } catch (error) {
        forget();
        if (!isKafkaError(error, ...moved) || this.#closed || this.clock.monotonic() + delayMs > deadline) throw error;
      }
      await pause(this.clock, delayMs);
    }
  }

  /** Newest version of an API that this cluster's brokers speak, undefined when they do not know it at all. */
  async maxVersion(apiKey: number): Promise<number | undefined> {
    const response = await call(await this.anyBroker(), apiVersionsV3.api, 'queue-splitter', '1');
    return response.apiKeys.find((entry) => entry.apiKey === apiKey)?.maxVersion;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const open = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(
      open.map((connection) => connection.then((established) => established.close()).catch(() => undefined)),
    );
  }

  async #coordinator(kind: CoordinatorKind, key: string, channel: Channel): Promise<Connection> {
    const known = this.#coordinators.get(`${kind}/${key}`);
    if (known !== undefined) return this.broker(known, channel);
    const response = await call(await this.anyBroker(), findCoordinatorV4.api, FindCoordinatorKeyTypes[kind], [key]);
    const found = response.coordinators[0];
    const what = `coordinator of ${kind.toLowerCase()} ${key}`;
    if (found === undefined) throw unreachable(`${what}: no answer`);
    if (found.errorCode !== 0) throw kafkaError(found.errorCode, what, found.errorMessage);
    this.#brokers.set(found.nodeId, { host: found.host, port: found.port });
    this.#coordinators.set(`${kind}/${key}`, found.nodeId);
    return this.broker(found.nodeId, channel);
  }

  #learn(response: Awaited<ReturnType<typeof metadataV12.api.async>>): void {
    for (const { nodeId, host, port } of response.brokers) this.#brokers.set(nodeId, { host, port });
    this.#controller = response.controllerId;
    this.#clusterId = response.clusterId ?? '';
  }

  async #connect(key: string, address: BrokerAddress): Promise<Connection> {
    if (this.#closed) throw unreachable('this Kafka client is closed');
    const existing = this.#connections.get(key);
    if (existing !== undefined) {
      const connection = await existing;
      if (!CLOSED.includes(connection.status)) return connection;
      if (this.#connections.get(key) === existing) this.#connections.delete(key);
      return this.#connect(key, address);
    }
    const opening = this.#open(address);
    this.#connections.set(key, opening);
    opening.catch(() => this.#connections.get(key) === opening && this.#connections.delete(key));
    return opening;
  }

  async #open({ host, port }: BrokerAddress): Promise<Connection> {
    const connection = new Connection(this.options.clientId, this.options.connection);
    const lose = () => this.#lostAt.set(`${host}:${port}`, this.clock.monotonic());
    // A broken connection shows in its requests; without a listener the event would end the process.
    connection.on('error', lose);
    connection.on('close', lose);
    try {
      await connection.connect(host, port);
    } catch (error) {
      lose();
      throw connectionError(error, `Kafka broker ${host}:${port}`);
    }
    return connection;
  }
}

function missing(topic: string): string {
  return `Kafka topic ${topic} does not exist in this cluster`;
}

function unreachable(message: string): SplitterError {
  return new SplitterError('BrokerUnreachable', message, { retryable: true });
}
