// Keeps committed offsets from being forgotten (kafka-notes C12). Brokers drop those of a group on a topic that its members do not read, as
// the original during a split, and all offsets of a group that has been empty for long. Where one was dropped, an application with
// `auto.offset.reset=latest` would skip what it has not read. Moves nobody's offset: what is committed here was committed before.
import type { Clock } from '../../common/clock.ts';
import { SplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { offsetsRetentionMs } from '../../common/kafka/wire/configs.ts';
import { committedOffsets, type Offsets } from '../../common/kafka/wire/offsets.ts';
import type { Destination } from './destinations.ts';
import type { Engine } from './engine.ts';

export type OffsetKeeperOptions = {
  engine: Pick<Engine, 'lanes' | 'destinations' | 'partitions' | 'topic' | 'group' | 'commitWhereNone'>;
  cluster: Cluster;
  clock: Clock;
  /** At most; a third of what the brokers keep offsets for when that is less. */
  recommitMs: number;
};

export class OffsetKeeper {
  readonly #options: OffsetKeeperOptions;
  /** By temporary topic: what its reader had at the last look. */
  readonly #readers = new Map<string, Offsets>();
  #committedAt: number;
  /** Asked once for each time that offsets are committed again. */
  #retention: { ms: number | undefined } | undefined;

  constructor(options: OffsetKeeperOptions) {
    this.#options = options;
    this.#committedAt = options.clock.monotonic();
  }

  /** @throws `ForeignCommit`; or, when offsets were gone and are there again, an error that says so. */
  async prove(): Promise<void> {
    const { engine } = this.#options;
    const gone: number[] = [];
    for (const { transactions } of engine.lanes) gone.push(...(await transactions.proveOffsets()));
    if (gone.length > 0) throw forgotten(engine.group, engine.topic.name, gone);
  }

  async recommit(): Promise<void> {
    const { engine, cluster, clock, recommitMs } = this.#options;
    this.#retention ??= { ms: await offsetsRetentionMs(cluster) };
    const dueMs = Math.min(recommitMs, (this.#retention.ms ?? Number.POSITIVE_INFINITY) / 3);
    if (clock.monotonic() - this.#committedAt < dueMs) return;
    for (const { transactions } of engine.lanes) await transactions.recommit();
    this.#committedAt = clock.monotonic();
    this.#retention = undefined;
  }

  /**
   * @param isForwarding when not, sessions have ended, and their groups go on purpose: only the target's own reader is looked after.
   * @throws when offsets were gone and are there again.
   */
  async lookAfterReaders(isForwarding: boolean): Promise<void> {
    const { destinations } = this.#options.engine;
    const wanted = isForwarding ? destinations : destinations.slice(0, 1);
    for (const name of this.#readers.keys())
      if (!wanted.some((destination) => destination.name === name)) this.#readers.delete(name);
    for (const destination of wanted) await this.#lookAfter(destination);
  }

  async #lookAfter({ name, group }: Destination): Promise<void> {
    const { engine, cluster } = this.#options;
    const before = this.#readers.get(name) ?? new Map<number, bigint>();
    const { partitions } = engine;
    const { offsets, unstable } = await committedOffsets(cluster, group, name, partitions);
    const isGone = (partition: number): boolean => !offsets.has(partition) && !unstable.includes(partition);
    // Only what was asked for can be missing: nothing is, while the pods of the target may still read the original.
    const gone = new Map([...before].filter(([partition]) => partitions.includes(partition) && isGone(partition)));
    if (gone.size > 0) await engine.commitWhereNone(group, name, gone);
    this.#readers.set(name, new Map([...before, ...offsets]));
    if (gone.size > 0) throw forgotten(group, name, [...gone.keys()]);
  }
}

function forgotten(group: string, topic: string, partitions: readonly number[]): SplitterError {
  return new SplitterError(
    'GroupUnsettled',
    `offsets of group ${group} on topic ${topic}, partition ${partitions.join(', ')}, were gone (expired, or deleted by somebody); they are committed again`,
    { retryable: true },
  );
}
