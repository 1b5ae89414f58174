// One transactional id: transactions V1 (kafka-notes C15) that write records and commit a group's offsets without being its member.
// `take` fences whoever had the id before and is called once per ownership (C4); everything after carries our producer id and epoch.
import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  type Connection,
  endTxnV3,
  initProducerIdV4,
  txnOffsetCommitV3,
} from '@platformatic/kafka';
import { pause } from '../../clock.ts';
import { SplitterError, toSplitterError } from '../../errors.ts';
import { BatchLimits } from './batch-limits.ts';
import { call } from './call.ts';
import type { Channel, Cluster } from './cluster.ts';
import { errorName, isKafkaError, kafkaError, throwIfError } from './errors.ts';
import type { Offsets } from './offsets.ts';
import {
  cutBatches,
  type EncodedPartition,
  type OutgoingRecord,
  type ProduceResult,
  produceBatches,
} from './produce.ts';
import { GZIP, writeBatch } from './record-batch.ts';

export type Output = { topic: string; partition: number; records: readonly OutgoingRecord[] };

/** Throws when nothing may be sent any more, for example because the Lease ran out. */
export type Guard = () => void;

const TRANSACTION_TIMEOUT_MS = 15_000;
const CONCURRENT_DEADLINE_MS = 20_000;
const MAX_SEQUENCE = 2 ** 31;

export class TransactionalProducer {
  readonly transactionalId: string;
  readonly #cluster: Cluster;
  readonly #guard: Guard;
  readonly #channel: Channel;
  #producerId = -1n;
  #epoch = -1;
  #added = new Set<string>();
  #addedGroups = new Set<string>();
  #sequences = new Map<string, number>();
  readonly #limits = new BatchLimits();

  constructor(
    cluster: Cluster,
    transactionalId: string,
    guard: Guard = () => undefined,
    channel: Channel = transactionalId,
  ) {
    this.#cluster = cluster;
    this.transactionalId = transactionalId;
    this.#guard = guard;
    this.#channel = channel;
  }

  /** Something was sent that only `commit` or `abort` ends. */
  get isOpen(): boolean {
    return this.#added.size > 0 || this.#addedGroups.size > 0;
  }

  /** InitProducerId(−1, −1): open transactions of a predecessor are ended and it can never write again. */
  async take(): Promise<void> {
    await this.#initialise(-1n, -1);
  }

  /** After an abort: a new epoch for the same owner. Rejects with `Fenced` when somebody took the id. */
  async renew(): Promise<void> {
    await this.#initialise(this.#producerId, this.#epoch);
  }

  /**
   * Writes as many batches as needed, one after the other per partition. Any error leaves the transaction fit for `abort` only;
   * `details.partitions` of the error are the partition numbers that could not be written.
   */
  async produce(outputs: readonly Output[]): Promise<void> {
    const wanted = outputs.filter(({ records }) => records.length > 0);
    await this.#addPartitions(wanted);
    const queues = wanted.map((output) => ({
      ...output,
      batches: cutBatches(output.records, this.#limits.of(output.topic).bytes),
    }));
    for (let round = 0; ; round++) {
      const due = queues.flatMap(({ topic, partition, batches }) => {
        const records = batches[round];
        return records === undefined ? [] : [{ topic, partition, records }];
      });
      if (due.length === 0) return;
      await this.#send(due);
    }
  }

  /** As nobody in particular (no member id, no generation): accepted for groups with and without members. */
  async commitOffsets(group: string, topic: string, offsets: Offsets): Promise<void> {
    if (offsets.size === 0) return;
    if (!this.#addedGroups.has(group)) {
      this.#addedGroups.add(group);
      await this.#onCoordinator('AddOffsetsToTxn', async (connection) => {
        const answer = await call(
          connection,
          addOffsetsToTxnV3.api,
          this.transactionalId,
          this.#producerId,
          this.#epoch,
          group,
        );
        return answer.errorCode;
      });
    }
    const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
      partitionIndex,
      committedOffset,
      committedLeaderEpoch: -1,
      committedMetadata: '',
    }));
    const what = `TxnOffsetCommit of group ${group} on topic ${topic}`;
    this.#guard();
    await this.#cluster.withCoordinator(
      'GROUP',
      group,
      async (connection) => {
        const answer = await call(
          connection,
          txnOffsetCommitV3.api,
          this.transactionalId,
          group,
          this.#producerId,
          this.#epoch,
          -1,
          '',
          null,
          [{ name: topic, partitions }],
        );
        for (const entry of answer.topics.flatMap((found) => found.partitions)) throwIfError(entry.errorCode, what);
      },
      this.#channel,
    );
  }

  async commit(): Promise<void> {
    await this.#end(true);
  }

  async abort(): Promise<void> {
    await this.#end(false);
  }

  /** EndTxn may be repeated with the same epoch: a lost answer is asked for again until it is known. */
  async #end(commit: boolean): Promise<void> {
    if (!this.isOpen) return;
    await this.#onCoordinator('EndTxn', async (connection) => {
      const answer = await call(connection, endTxnV3.api, this.transactionalId, this.#producerId, this.#epoch, commit);
      return answer.errorCode;
    });
    this.#added.clear();
    this.#addedGroups.clear();
  }

  async #initialise(producerId: bigint, epoch: number): Promise<void> {
    await this.#onCoordinator('InitProducerId', async (connection) => {
      const answer = await call(
        connection,
        initProducerIdV4.api,
        this.transactionalId,
        TRANSACTION_TIMEOUT_MS,
        producerId,
        epoch,
      );
      if (answer.errorCode === 0) {
        this.#producerId = answer.producerId;
        this.#epoch = answer.producerEpoch;
      }
      return answer.errorCode;
    });
    this.#added = new Set();
    this.#addedGroups = new Set();
    this.#sequences = new Map();
  }

  async #addPartitions(outputs: readonly Output[]): Promise<void> {
    const fresh = outputs.filter(({ topic, partition }) => !this.#added.has(`${topic}/${partition}`));
    if (fresh.length === 0) return;
    // A transaction must not open before its partitions can be written: right after creation a topic has no leader yet.
    for (const { topic, partition } of fresh) await this.#cluster.leaderOf(topic, partition);
    const topics = [...Map.groupBy(fresh, ({ topic }) => topic)].map(([name, entries]) => ({
      name,
      partitions: entries.map(({ partition }) => partition),
    }));
    for (const { topic, partition } of fresh) this.#added.add(`${topic}/${partition}`);
    await this.#onCoordinator('AddPartitionsToTxn', async (connection) => {
      const transaction = {
        transactionalId: this.transactionalId,
        producerId: this.#producerId,
        producerEpoch: this.#epoch,
        verifyOnly: false,
        topics,
      };
      const answer = await call(connection, addPartitionsToTxnV3.api, [transaction]);
      return firstCode(answer.resultsByTransaction.flatMap(({ topicResults }) => topicResults));
    });
  }

  async #send(batches: readonly { topic: string; partition: number; records: OutgoingRecord[] }[]): Promise<void> {
    const byLeader = new Map<number, EncodedPartition[]>();
    for (const { topic, partition, records } of batches) {
      const { leader } = await this.#cluster.leaderOf(topic, partition);
      const entry = { topic, partition, batch: this.#encode(topic, partition, records) };
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), entry]);
    }
    this.#guard();
    const sends = [...byLeader].map(([leader, partitions]) => this.#sendTo(leader, partitions));
    // All of them: what reached another leader after the abort would be a transaction that nobody ends.
    await Promise.allSettled(sends);
    const failed = (await Promise.all(sends)).flat().filter(({ errorCode }) => errorCode !== 0);
    for (const { topic, partition, errorCode } of failed) {
      this.#cluster.forgetTopic(topic);
      const records = batches.find((batch) => batch.topic === topic && batch.partition === partition)?.records ?? [];
      if (errorName(errorCode) === 'MESSAGE_TOO_LARGE') this.#limits.refuse(topic, records);
    }
    const [first] = failed;
    if (first === undefined) return;
    throw kafkaError(first.errorCode, `topic ${first.topic}, partition ${first.partition}`, first.errorMessage, {
      topic: first.topic,
      partitions: failed.map(({ partition }) => partition),
    });
  }

  async #sendTo(leader: number, partitions: EncodedPartition[]): Promise<ProduceResult[]> {
    try {
      return await produceBatches(await this.#cluster.broker(leader, this.#channel), this.transactionalId, partitions);
    } catch (error) {
      const { code, message, retryable, details } = toSplitterError(error);
      const topic = partitions[0]?.topic;
      for (const entry of partitions) this.#cluster.forgetTopic(entry.topic);
      throw new SplitterError(code, message, {
        cause: error,
        retryable,
        details: { ...details, topic, partitions: partitions.map(({ partition }) => partition) },
      });
    }
  }

  #encode(topic: string, partition: number, records: readonly OutgoingRecord[]): Buffer {
    const key = `${topic}/${partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, (baseSequence + records.length) % MAX_SEQUENCE);
    const codec = records[0]?.codec || (this.#limits.of(topic).squeeze ? GZIP : 0);
    return writeBatch(records, { codec, producerId: this.#producerId, producerEpoch: this.#epoch, baseSequence });
  }

  /** `attempt` returns the error code; while the previous transaction is being finished the coordinator asks to come again. */
  async #onCoordinator(name: string, attempt: (connection: Connection) => Promise<number>): Promise<void> {
    const deadline = this.#cluster.clock.monotonic() + CONCURRENT_DEADLINE_MS;
    for (let delayMs = 1; ; delayMs = Math.min(delayMs * 2, 50)) {
      this.#guard();
      try {
        await this.#cluster.withCoordinator(
          'TRANSACTION',
          this.transactionalId,
          async (connection) => {
            throwIfError(await attempt(connection), `${name} of transactional id ${this.transactionalId}`);
          },
          this.#channel,
        );
        return;
      } catch (error) {
        const again = isKafkaError(error, 'CONCURRENT_TRANSACTIONS') || (name === 'EndTxn' && isUnanswered(error));
        if (!again || this.#cluster.clock.monotonic() > deadline) throw error;
      }
      await pause(this.#cluster.clock, delayMs);
    }
  }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof SplitterError && error.code === 'BrokerUnreachable';
}

type AddedTopic = { name: string; resultsByPartition: { partitionIndex: number; partitionErrorCode: number }[] };

/** When one partition cannot be added none is, and the others say OPERATION_NOT_ATTEMPTED: only the one that failed is named. */
function firstCode(topics: readonly AddedTopic[]): number {
  for (const { name, resultsByPartition } of topics) {
    for (const { partitionIndex, partitionErrorCode } of resultsByPartition) {
      const error = errorName(partitionErrorCode);
      if (error === 'NONE' || error === 'OPERATION_NOT_ATTEMPTED') continue;
      if (error !== 'UNKNOWN_TOPIC_OR_PARTITION' && error !== 'TOPIC_AUTHORIZATION_FAILED') return partitionErrorCode;
      throw kafkaError(partitionErrorCode, `topic ${name}, partition ${partitionIndex}`, null, {
        topic: name,
        partitions: [partitionIndex],
      });
    }
  }
  return 0;
}
