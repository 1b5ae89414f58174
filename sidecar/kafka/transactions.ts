// What one producer does, one thing after another: transactions that write records and move the application's group with them. A
// transaction that did not end well is aborted, the producer renewed and the group's offsets read again before anything else is
// written (kafka-notes C14, C15).
import { crashPoint } from '../../common/crash-points.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { isKafkaError } from '../../common/kafka/wire/errors.ts';
import { committedOffsets, type Offsets, stableOffsets } from '../../common/kafka/wire/offsets.ts';
import type { Output, TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { foreignCommit } from './fatal.ts';
import type { SourcePartition } from './partition.ts';
import { proveSameTopic } from './reading.ts';

export type Original = { topic: string; topicId: string; group: string };

export type TransactionsOptions = {
  cluster: Cluster;
  original: Original;
  producer: TransactionalProducer;
  /** Those whose offsets this producer commits, by number. */
  partitions: ReadonlyMap<number, SourcePartition>;
  stableDeadlineMs: number;
  /** What was read ahead is stale: positions have moved back. */
  onRewind: () => void;
};

export class Transactions {
  readonly #options: TransactionsOptions;
  #tail: Promise<unknown> = Promise.resolve();
  /** A transaction did not end well: nothing may be written before `#recover`. */
  #isBroken = false;

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Resolves when what was begun before is committed or given up. */
  async barrier(): Promise<void> {
    await this.exclusive(async () => undefined);
  }

  async repair(): Promise<void> {
    await this.exclusive(() => this.#repair());
  }

  /** Resolves when the group has all positions. */
  async settle(): Promise<void> {
    await this.exclusive(async () => {
      await this.#repair();
      const { partitions } = this.#options;
      if ([...partitions.values()].some(({ position, committed }) => position !== committed)) await this.#commit();
    });
  }

  /** Commits the positions, moved or not. */
  async commitPositions(): Promise<void> {
    await this.exclusive(async () => {
      await this.#repair();
      await this.#commit();
    });
  }

  /** Commits the positions again after a proof that they are still the group's. */
  async recommit(): Promise<void> {
    await this.exclusive(async () => {
      await this.#repair();
      await this.#prove();
      await this.#commit();
    });
  }

  /**
   * Offsets that are gone, by expiry or by an admin tool, are committed again (C12). Resolves to their partitions.
   * @throws `ForeignCommit` when the group's offsets are not what we committed last (C2).
   */
  async proveOffsets(): Promise<number[]> {
    return await this.exclusive(async () => {
      const gone = await this.#prove();
      if (gone.length > 0) await this.#commit();
      return gone;
    });
  }

  /** A transaction for something else than forwarding. `work` leaves the commit to us. */
  async transact(work: (producer: TransactionalProducer) => Promise<void>): Promise<void> {
    await this.exclusive(async () => {
      await this.#repair();
      await this.#transaction(() => work(this.#options.producer));
    });
  }

  /** Records and the positions behind them in one transaction; only inside `exclusive`, and not while broken. */
  async forward(outputs: readonly Output[]): Promise<void> {
    const { producer, original } = this.#options;
    const offsets = this.#attempt();
    await this.#transaction(async () => {
      crashPoint('kafka.before-produce');
      await producer.produce(outputs);
      crashPoint('kafka.between-produce-and-commit');
      await producer.commitOffsets(original.group, original.topic, offsets);
      crashPoint('kafka.between-offsets-and-end');
    });
    crashPoint('kafka.after-end');
    this.#committed(offsets);
  }

  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #transaction(work: () => Promise<void>): Promise<void> {
    this.#isBroken = true;
    await work();
    await this.#options.producer.commit();
    this.#isBroken = false;
  }

  async #repair(): Promise<void> {
    if (this.#isBroken) await this.#recover();
  }

  async #recover(): Promise<void> {
    const { producer, cluster, original, partitions, stableDeadlineMs, onRewind } = this.#options;
    onRewind();
    try {
      await producer.abort();
    } catch (error) {
      // It had not begun, or a commit whose answer was lost had ended it; the offsets tell which.
      if (!isKafkaError(error, 'INVALID_TXN_STATE')) throw error;
    }
    await producer.renew();
    const numbers = [...partitions.keys()];
    const offsets = await stableOffsets(cluster, original.group, original.topic, numbers, stableDeadlineMs);
    for (const partition of partitions.values()) {
      const offset = offsets.get(partition.partition);
      if (offset !== partition.committed && offset !== partition.attempted) {
        throw foreignCommit(original, partition.partition, partition.committed, offset);
      }
      partition.rewind(offset);
    }
    this.#isBroken = false;
  }

  /** Partitions whose offset is gone. */
  async #prove(): Promise<number[]> {
    const { cluster, original, partitions } = this.#options;
    if (this.#isBroken || partitions.size === 0) return [];
    const { offsets, unstable } = await committedOffsets(cluster, original.group, original.topic, [
      ...partitions.keys(),
    ]);
    const gone: number[] = [];
    for (const { partition, committed } of partitions.values()) {
      const found = offsets.get(partition);
      if (unstable.includes(partition) || found === committed) continue;
      if (found !== undefined) throw foreignCommit(original, partition, committed, found);
      gone.push(partition);
    }
    // Offsets go with their topic, too: ours mean nothing for a successor.
    if (gone.length > 0) await proveSameTopic(cluster, original);
    return gone;
  }

  async #commit(): Promise<void> {
    const { producer, original } = this.#options;
    const offsets = this.#attempt();
    if (offsets.size === 0) return;
    await this.#transaction(() => producer.commitOffsets(original.group, original.topic, offsets));
    this.#committed(offsets);
  }

  #attempt(): Offsets {
    const partitions = [...this.#options.partitions.values()];
    for (const partition of partitions) partition.attempted = partition.position;
    return new Map(partitions.map(({ partition, position }) => [partition, position]));
  }

  #committed(offsets: Offsets): void {
    for (const [number, offset] of offsets) {
      const partition = this.#options.partitions.get(number);
      if (partition === undefined) continue;
      partition.committed = offset;
      partition.succeeded();
    }
  }
}
