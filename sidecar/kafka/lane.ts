// One transactional producer and the partitions of the original that it forwards: fetch, route, one transaction, again.
import { type Clock, pause } from '../../common/clock.ts';
import { type SplitterError, toSplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import type { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { type Backoff, createBackoff } from '../../common/kube/backoff.ts';
import { Changes } from '../changes.ts';
import { isFatal } from './fatal.ts';
import { type Beginning, SourcePartition } from './partition.ts';
import { acceptPolled, type PartitionRead } from './reading.ts';
import type { Router } from './router.ts';
import type { KafkaSettings } from './settings.ts';
import type { Polled, Source } from './source.ts';
import { type Original, Transactions } from './transactions.ts';
import { planTurn, type Turn } from './turn.ts';

export type LaneOptions = {
  name: string;
  cluster: Cluster;
  original: Original;
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
  readonly transactions: Transactions;
  readonly #options: LaneOptions;
  readonly #partitions = new Map<number, SourcePartition>();
  readonly #changes = new Changes();
  readonly #stopped = new AbortController();
  readonly #backoff: Backoff;
  readonly #loop: Promise<void>;
  #isForwarding = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { source, settings } = options;
    const { retryBaseMs, retryMaxMs, stableDeadlineMs } = settings;
    this.transactions = new Transactions({
      ...options,
      partitions: this.#partitions,
      stableDeadlineMs,
      onRewind: () => source.discard(),
    });
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
    await this.transactions.settle();
  }

  /** Abandons an open transaction: the broker ends it, or whoever takes the id next. */
  async close(): Promise<void> {
    this.#isForwarding = false;
    this.#stopped.abort();
    await this.#loop;
    await this.transactions.barrier();
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
    if (this.transactions.isBroken) await this.transactions.repair();
    const wanted = this.#wanted();
    if (wanted.length === 0) {
      const blocked = this.partitions.filter(({ isHeld }) => !isHeld);
      // Held since the loop has looked; it waits for a change.
      if (blocked.length === 0) return;
      const soonest = Math.min(...blocked.map(({ blockedUntil }) => blockedUntil));
      return pause(clock, Math.max(1, soonest - clock.monotonic()), signal);
    }
    const polled = await source.next(wanted, signal);
    const readAt = clock.monotonic();
    await this.transactions.exclusive(() => this.#forwardPolled(polled, readAt));
  }

  #wanted() {
    const now = this.#options.clock.monotonic();
    return this.partitions
      .filter((partition) => partition.isActive(now))
      .map(({ partition, position, lastFetchedEpoch }) => ({ partition, offset: position, lastFetchedEpoch }));
  }

  async #forwardPolled(polled: readonly Polled[], readAt: number): Promise<void> {
    if (!this.#isForwarding || this.transactions.isBroken) return;
    const { source, clock, router, onForwarded } = this.#options;
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
    await this.transactions.forward(turn.outputs);
    onForwarded(turn, (clock.monotonic() - readAt) / 1000);
  }

  async #accept(partition: SourcePartition, polled: Polled): Promise<PartitionRead[]> {
    const { cluster, original, onProblem, settings, clock } = this.#options;
    const source = `partition ${partition.partition}`;
    const onSkipped = (problem: SplitterError) => onProblem(`${source}, retention`, problem);
    try {
      const read = await acceptPolled(cluster, original, partition, polled.fetched, onSkipped);
      // A destination that failed would have been asked for again by what there is to read.
      if (read === undefined) partition.succeeded();
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
}
