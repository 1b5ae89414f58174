// One transactional producer and the partitions of the original that it forwards: fetch, route, one transaction, again.
// Everything that the producer does happens one after another in `exclusive`; a failed transaction is aborted, the producer renewed
// and the positions read again before anything else is written (kafka-notes C14, C15).
import { type Clock, pause } from '../../common/clock.ts';
import { crashPoint } from '../../common/crash-points.ts';
import { type SplitterError, toSplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { isKafkaError } from '../../common/kafka/wire/errors.ts';
import { committedOffsets, type Offsets, stableOffsets } from '../../common/kafka/wire/offsets.ts';
import type { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { type Backoff, createBackoff } from '../../common/kube/backoff.ts';
import { Changes } from '../changes.ts';
import { foreignCommit, isFatal } from './fatal.ts';
import { type Beginning, SourcePartition } from './partition.ts';
import { acceptPolled, type PartitionRead } from './reading.ts';
import type { Router } from './router.ts';
import type { KafkaSettings } from './settings.ts';
import type { Polled, Source } from './source.ts';
import { planTurn, type Turn } from './turn.ts';

export type LaneOptions = {
  name: string;
  cluster: Cluster;
  original: { topic: string; topicId: string; group: string };
  producer: TransactionalProducer;
  source: Source;
  settings: KafkaSettings;
  clock: Clock;
  random: () => number;
  router: () => Router;
  /** After a commit. `seconds` since the records were read. */
  onForwarded: (turn: Turn, seconds: number) => void;
  /** Something keeps the lane or some of its partitions from going on; undefined: not any more. */
  onProblem: (source: string, problem: SplitterError | undefined) => void;
  /** The lane has stopped for good: this ownership is over. */
  onFatal: (error: SplitterError) => void;
};

export class Lane {
  readonly #options: LaneOptions;
  readonly #partitions = new Map<number, SourcePartition>();
  readonly #changes = new Changes();
  readonly #stopped = new AbortController();
  readonly #backoff: Backoff;
  readonly #loop: Promise<void>;
  #tail: Promise<unknown> = Promise.resolve();
  #isForwarding = false;
  /** A transaction did not end well: nothing may be written before `#recover`. */
  #isBroken = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { retryBaseMs, retryMaxMs } = options.settings;
    this.#backoff = createBackoff({ baseMs: retryBaseMs, maxMs: retryMaxMs, random: options.random });
    this.#loop = this.#run();
  }

  get partitions(): readonly SourcePartition[] {
    return [...this.#partitions.values()];
  }

  /** From here on the partition is forwarded, beginning with this offset. */
  place(partition: number, beginning: Beginning): void {
    this.#partitions.set(partition, new SourcePartition(partition, beginning));
    this.#changes.notify();
  }

  /** Forgets every partition. Only after `halt`. */
  clear(): void {
    this.#options.source.discard();
    this.#partitions.clear();
  }

  /** Looks again at which partitions are held. */
  wake(): void {
    this.#changes.notify();
  }

  forward(): void {
    this.#isForwarding = true;
    this.#changes.notify();
  }

  /** Resolves when nothing is in flight and the group has all positions. */
  async halt(): Promise<void> {
    this.#isForwarding = false;
    await this.exclusive(async () => {
      await this.#repair();
      if (this.partitions.some(({ position, committed }) => position !== committed)) await this.#commitPositions();
    });
  }

  /** Resolves when what was routed before is committed or given up. */
  async barrier(): Promise<void> {
    await this.exclusive(async () => undefined);
  }

  /** Commits the positions again, moved or not, after a proof that they are still the group's. */
  async recommit(): Promise<void> {
    await this.exclusive(async () => {
      await this.#repair();
      await this.#prove();
      await this.#commitPositions();
    });
  }

  /** For partitions that were just placed. */
  async commitPositions(): Promise<void> {
    await this.exclusive(async () => {
      await this.#repair();
      await this.#commitPositions();
    });
  }

  /** A transaction for something else than forwarding. `work` leaves the commit to us. */
  async transact(work: (producer: TransactionalProducer) => Promise<void>): Promise<void> {
    await this.exclusive(async () => {
      await this.#repair();
      await this.#transaction(() => work(this.#options.producer));
    });
  }

  /** @throws `ForeignCommit` when the group's offsets are not what we committed last (C2). */
  async proveOffsets(): Promise<void> {
    await this.exclusive(() => this.#prove());
  }

  /** Abandons an open transaction: the broker ends it, or whoever takes the id next. */
  async close(): Promise<void> {
    this.#isForwarding = false;
    this.#stopped.abort();
    await this.#loop;
    await this.#tail;
  }

  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const { name, clock, onProblem, onFatal } = this.#options;
    const hasWork = () => this.#isForwarding && this.partitions.some(({ isHeld }) => !isHeld);
    while (await this.#changes.until(hasWork, signal)) {
      try {
        await this.#step(signal);
        this.#backoff.reset();
        onProblem(name, undefined);
      } catch (thrown) {
        const error = toSplitterError(thrown);
        if (isFatal(error)) return onFatal(error);
        if (this.#blockFailed(error)) continue;
        onProblem(name, error);
        await pause(clock, this.#backoff.next(), signal);
      }
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    if (this.#isBroken) await this.exclusive(() => this.#repair());
    const wanted = this.#wanted();
    if (wanted.length === 0) {
      const soonest = Math.min(
        ...this.partitions.filter(({ isHeld }) => !isHeld).map(({ blockedUntil }) => blockedUntil),
      );
      return pause(clock, Math.max(1, soonest - clock.monotonic()), signal);
    }
    const polled = await source.next(wanted, signal);
    const readAt = clock.monotonic();
    await this.exclusive(() => this.#forwardPolled(polled, readAt));
  }

  #wanted() {
    const now = this.#options.clock.monotonic();
    return this.partitions
      .filter((partition) => partition.isActive(now))
      .map(({ partition, position, lastFetchedEpoch }) => ({ partition, offset: position, lastFetchedEpoch }));
  }

  async #forwardPolled(polled: readonly Polled[], readAt: number): Promise<void> {
    if (!this.#isForwarding || this.#isBroken) return;
    const { original, producer, source, clock, router, onForwarded } = this.#options;
    const reads: PartitionRead[] = [];
    for (const entry of polled) {
      const partition = this.#partitions.get(entry.fetched.partition);
      if (partition === undefined || partition.isHeld || entry.offset !== partition.position) continue;
      reads.push(...(await this.#accept(partition, entry)));
    }
    const turn = planTurn(reads, router());
    if (turn.records === 0) return;
    for (const { source: partition, next, leaderEpoch } of reads) {
      partition.position = next;
      partition.lastFetchedEpoch = leaderEpoch;
    }
    // Read on while this is being written; what fails makes it stale and is read again.
    await source.begin(this.#wanted()).catch(() => undefined);
    const offsets = this.#positions();
    await this.#transaction(async () => {
      crashPoint('kafka.before-produce');
      await producer.produce(turn.outputs);
      crashPoint('kafka.between-produce-and-commit');
      await producer.commitOffsets(original.group, original.topic, offsets);
      crashPoint('kafka.between-offsets-and-end');
    });
    crashPoint('kafka.after-end');
    this.#committed(offsets);
    onForwarded(turn, (clock.monotonic() - readAt) / 1000);
  }

  async #accept(partition: SourcePartition, polled: Polled): Promise<PartitionRead[]> {
    const { cluster, original, onProblem, settings, clock } = this.#options;
    const source = `partition ${partition.partition}`;
    const onSkipped = (problem: SplitterError) => onProblem(`${source}, retention`, problem);
    try {
      const read = await acceptPolled(cluster, original, partition, polled.fetched, onSkipped);
      if (partition.nextBlockMs === 0) onProblem(source, undefined);
      return read === undefined ? [] : [read];
    } catch (thrown) {
      const error = toSplitterError(thrown);
      if (isFatal(error)) throw error;
      partition.block(clock.monotonic(), settings.retryBaseMs, settings.retryMaxMs);
      onProblem(source, error);
      return [];
    }
  }

  /** True when the error names partitions: they are left out for a while and the others go on. */
  #blockFailed(error: SplitterError): boolean {
    const failed = error.details['partitions'];
    if (!Array.isArray(failed)) return false;
    const { clock, settings, onProblem } = this.#options;
    for (const number of failed) {
      this.#partitions.get(Number(number))?.block(clock.monotonic(), settings.retryBaseMs, settings.retryMaxMs);
      onProblem(`partition ${number}`, error);
    }
    return true;
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
    const { producer, source, cluster, original, settings } = this.#options;
    source.discard();
    try {
      await producer.abort();
    } catch (error) {
      // It had not begun, or a commit whose answer was lost had ended it; the offsets tell which.
      if (!isKafkaError(error, 'INVALID_TXN_STATE')) throw error;
    }
    await producer.renew();
    const numbers = [...this.#partitions.keys()];
    const offsets = await stableOffsets(cluster, original.group, original.topic, numbers, settings.stableDeadlineMs);
    for (const partition of this.partitions) {
      const offset = offsets.get(partition.partition);
      if (offset !== partition.committed && offset !== partition.attempted) {
        throw foreignCommit(this.#options.original, partition.partition, partition.committed, offset);
      }
      partition.rewind(offset);
    }
    this.#isBroken = false;
  }

  async #prove(): Promise<void> {
    if (this.#isBroken || this.#partitions.size === 0) return;
    const { cluster, original } = this.#options;
    const { offsets, unstable } = await committedOffsets(cluster, original.group, original.topic, [
      ...this.#partitions.keys(),
    ]);
    for (const { partition, committed } of this.partitions) {
      if (!unstable.includes(partition) && offsets.get(partition) !== committed) {
        throw foreignCommit(this.#options.original, partition, committed, offsets.get(partition));
      }
    }
  }

  async #commitPositions(): Promise<void> {
    const { producer, original } = this.#options;
    const offsets = this.#positions();
    if (offsets.size === 0) return;
    await this.#transaction(() => producer.commitOffsets(original.group, original.topic, offsets));
    this.#committed(offsets);
  }

  #positions(): Offsets {
    for (const partition of this.partitions) partition.attempted = partition.position;
    return new Map(this.partitions.map(({ partition, position }) => [partition, position]));
  }

  #committed(offsets: Offsets): void {
    for (const partition of this.partitions) {
      const offset = offsets.get(partition.partition);
      if (offset === undefined) continue;
      partition.committed = offset;
      partition.nextBlockMs = 0;
    }
  }
}
