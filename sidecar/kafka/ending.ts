// The end of one session's route (kafka-notes C7): per source partition, while it is held, the session's reader is gone or evicted and what
// it has not read is copied to the fallback together with its group's offset. Only then newer records of the same keys may go there.
import type { Route } from '../../api/kinds/workload-split.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { crashPoint } from '../../common/crash-points.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { describeGroup, evictMembers, readsTopic } from '../../common/kafka/wire/groups.ts';
import { type Offsets, stableEnds, stableOffsets } from '../../common/kafka/wire/offsets.ts';
import { presentTopic } from '../../common/kafka/wire/presence.ts';
import { countRecords, readToEnd } from '../../common/kafka/wire/read-to-end.ts';
import type { Destination } from './destinations.ts';
import type { KafkaSettings } from './settings.ts';
import type { Transactions } from './transactions.ts';

export type EndingOptions = {
  route: Route;
  session: Destination;
  fallback: string;
  cluster: Cluster;
  /** The lane that forwards a partition; its producer copies the left-overs, so that one id orders both. */
  laneOf: (partition: number) => { transactions: Pick<Transactions, 'transact'> };
  release: (partition: number) => void;
  settings: KafkaSettings;
  clock: Clock;
  /** The bound was reached: this partition goes on although left-overs are still to be moved. */
  onOrderGivenUp: (partition: number) => void;
  onProblem: (problem: SplitterError | undefined) => void;
  signal: AbortSignal;
};

const POLL_MS = 200;

export class Ending {
  readonly #options: EndingOptions;
  readonly #held: Set<number>;
  #messages = 0;
  #isDone = false;

  /** @param partitions held by the caller before anything was routed without this route. */
  constructor(options: EndingOptions, partitions: readonly number[]) {
    this.#options = options;
    this.#held = new Set(partitions);
  }

  /** Records moved, once nothing is left; undefined until then. */
  get returned(): number | undefined {
    return this.#isDone ? this.#messages : undefined;
  }

  /** Resolves when everything is moved, or when the signal was aborted. Goes on trying until then. */
  async run(): Promise<void> {
    const { signal, clock, settings, onProblem } = this.#options;
    const cancel = clock.after(settings.sessionDrainTimeoutMs, () => this.#giveUpOrder());
    for (
      let delayMs = settings.retryBaseMs;
      !signal.aborted && !this.#isDone;
      delayMs = Math.min(delayMs * 2, settings.retryMaxMs)
    ) {
      try {
        await this.#move();
        onProblem(undefined);
      } catch (thrown) {
        const error = toSplitterError(thrown);
        onProblem(
          new SplitterError(
            error.code,
            `left-overs of session ${this.#options.route.session}: ${error.message}`,
            error,
          ),
        );
        await pause(clock, delayMs, signal);
      }
    }
    cancel();
  }

  async #move(): Promise<void> {
    const { cluster, session, signal } = this.#options;
    const topic = await presentTopic(cluster, session.name);
    const isOurs = session.topicId === undefined || topic?.topicId === session.topicId;
    if (topic !== undefined && isOurs) {
      const partitions = topic.partitions.map(({ partition }) => partition);
      const ends = await this.#transactionsVisible(partitions);
      const unread = await this.#unread(partitions, ends);
      for (const partition of this.#held) if (!unread.includes(partition)) this.#release(partition);
      if (unread.length > 0) {
        await this.#readersGone();
        if (signal.aborted) return;
        for (const partition of unread) {
          await this.#copy(partition, ends.get(partition));
          if (signal.aborted) return;
          this.#release(partition);
        }
      }
    }
    for (const partition of this.#held) this.#release(partition);
    this.#isDone = true;
  }

  /** EndTxn answers before the markers are written: only behind them are our own last records to be seen. The ends of the partitions. */
  async #transactionsVisible(partitions: readonly number[]): Promise<Offsets> {
    const { cluster, session, settings, clock, signal } = this.#options;
    const deadline = clock.monotonic() + settings.stableDeadlineMs;
    for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, POLL_MS)) {
      const { ends, open } = await stableEnds(cluster, session.name, partitions);
      if (open.length === 0) return ends;
      if (signal.aborted || clock.monotonic() > deadline) {
        throw new SplitterError('GroupUnsettled', `a transaction on topic ${session.name} is not finished`, {
          retryable: true,
        });
      }
      await pause(clock, delayMs, signal);
    }
  }

  /** Partitions with records that the reader has not committed. */
  async #unread(partitions: readonly number[], ends: Offsets): Promise<number[]> {
    const { cluster, session } = this.#options;
    const offsets = await this.#offsets(partitions);
    const unread: number[] = [];
    for (const partition of partitions) {
      const position = { topic: session.name, partition, from: offsets.get(partition) ?? 0n, to: ends.get(partition) };
      if ((await countRecords(cluster, position, 1)) > 0) unread.push(partition);
    }
    return unread;
  }

  /** A reader that leaves by itself commits first, which saves records from being delivered again; one that does not is evicted. */
  async #readersGone(): Promise<void> {
    const { cluster, session, settings, clock, signal } = this.#options;
    const graceEnds = clock.monotonic() + settings.readerGraceMs;
    const deadline = clock.monotonic() + settings.sessionDrainTimeoutMs;
    let isEvicted = false;
    while (!signal.aborted) {
      const { members } = await describeGroup(cluster, session.group);
      const readers = members.filter((member) => readsTopic(member, session.name));
      if (readers.length === 0 || clock.monotonic() > deadline) return;
      if (!isEvicted && clock.monotonic() >= graceEnds) {
        await evictMembers(cluster, session.group, readers);
        isEvicted = true;
        continue;
      }
      await pause(clock, POLL_MS, signal);
    }
  }

  /** Each transaction moves some records and the group's offset behind them: after a crash it goes on where it was. */
  async #copy(partition: number, to: bigint | undefined): Promise<void> {
    const { cluster, session, fallback, laneOf, signal } = this.#options;
    const from = (await this.#offsets([partition])).get(partition) ?? 0n;
    for await (const { records, next } of readToEnd(cluster, { topic: session.name, partition, from, to })) {
      if (signal.aborted) return;
      if (records.length === 0) continue;
      await laneOf(partition).transactions.transact(async (producer) => {
        await producer.produce([{ topic: fallback, partition, records }]);
        crashPoint('kafka.between-return-and-commit');
        await producer.commitOffsets(session.group, session.name, new Map([[partition, next]]));
      });
      this.#messages += records.length;
    }
  }

  #offsets(partitions: readonly number[]) {
    const { cluster, session, settings } = this.#options;
    return stableOffsets(cluster, session.group, session.name, partitions, settings.stableDeadlineMs);
  }

  #giveUpOrder(): void {
    for (const partition of this.#held) {
      this.#options.onOrderGivenUp(partition);
      this.#release(partition);
    }
  }

  #release(partition: number): void {
    if (this.#held.delete(partition)) this.#options.release(partition);
  }
}
