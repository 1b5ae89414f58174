// What is looked after now and then while a queue is split: commits by others, offsets that would expire, new partitions of the
// original, an end of the log that stands still, and lag. Each look stands alone; one that fails is reported and comes again.
import { type Clock, pause } from '../../common/clock.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { committedOffsets, logOffsets } from '../../common/kafka/wire/offsets.ts';
import { countRecords } from '../../common/kafka/wire/read-to-end.ts';
import type { Destination } from './destinations.ts';
import type { Engine } from './engine.ts';
import { isFatal } from './fatal.ts';
import type { Meters } from './meters.ts';
import { OffsetKeeper } from './offset-keeper.ts';
import type { KafkaSettings } from './settings.ts';

export type WatchOptions = {
  engine: Engine;
  cluster: Cluster;
  settings: KafkaSettings;
  clock: Clock;
  meters: Meters;
  /** Session name per destination topic; the fallback has none. */
  sessionOf: (topic: string) => string | undefined;
  isForwarding: () => boolean;
  onProblem: (source: string, problem: SplitterError | undefined) => void;
  onFatal: (error: SplitterError) => void;
  onRound: () => void;
};

/** Below this the lag is counted record by record, so that it shows 0 when nothing is left (kafka-notes C5). */
const COUNT_EXACTLY_BELOW = 100n;

export async function watch(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { engine, clock, settings, onProblem, onFatal } = options;
  const stuck = new StuckSource(options);
  const offsets = new OffsetKeeper({ ...options, recommitMs: settings.recommitMs });
  const looks: [string, () => Promise<void>][] = [
    ['offsets', () => offsets.prove()],
    ['recommit', () => offsets.recommit()],
    ['readers', () => offsets.lookAfterReaders(options.isForwarding())],
    ['growth', () => (options.isForwarding() ? engine.grow() : Promise.resolve())],
    ['source', async () => stuck.look()],
    ['lag', () => measureLag(options)],
  ];
  for (;;) {
    await pause(clock, settings.watchIntervalMs, signal);
    if (signal.aborted) return;
    for (const [name, look] of looks) {
      try {
        await look();
        onProblem(name, undefined);
      } catch (thrown) {
        const error = toSplitterError(thrown);
        if (signal.aborted) return;
        if (isFatal(error)) return onFatal(error);
        onProblem(name, error);
      }
    }
    options.onRound();
  }
}

async function measureLag({ engine, cluster, meters, sessionOf }: WatchOptions): Promise<void> {
  for (const lane of engine.lanes) {
    for (const { partition, position, lastStableOffset } of lane.partitions) {
      meters.lag('original', '', partition, Math.max(0, Number(lastStableOffset - position)));
    }
  }
  for (const destination of engine.destinations) {
    const session = sessionOf(destination.name);
    for (const [partition, records] of await destinationLag(cluster, destination, engine.partitions)) {
      meters.lag(session === undefined ? 'fallback' : 'session', session ?? '', partition, records);
    }
  }
}

async function destinationLag(
  cluster: Cluster,
  { name, group }: Destination,
  partitions: readonly number[],
): Promise<Map<number, number>> {
  const ends = await logOffsets(cluster, name, partitions, 'latest');
  const { offsets } = await committedOffsets(cluster, group, name, partitions);
  const lag = new Map<number, number>();
  for (const partition of partitions) {
    const from = offsets.get(partition) ?? 0n;
    const behind = (ends.get(partition) ?? 0n) - from;
    const isExact = behind < COUNT_EXACTLY_BELOW;
    lag.set(partition, isExact ? await countRecords(cluster, { topic: name, partition, from }) : Number(behind));
  }
  return lag;
}

/** An unfinished transaction of the application's own producers hides everything behind it from every read_committed reader (C10). */
class StuckSource {
  readonly #options: WatchOptions;
  readonly #since = new Map<number, { offset: bigint; at: number }>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  look(): void {
    const { engine, clock, settings } = this.#options;
    const now = clock.monotonic();
    const stuck: number[] = [];
    for (const { partition, lastStableOffset, highWatermark } of engine.lanes.flatMap((lane) => lane.partitions)) {
      const before = this.#since.get(partition);
      if (lastStableOffset >= highWatermark) this.#since.delete(partition);
      else if (before?.offset !== lastStableOffset) this.#since.set(partition, { offset: lastStableOffset, at: now });
      else if (now - before.at >= settings.sourceStuckMs) stuck.push(partition);
    }
    if (stuck.length === 0) return;
    throw new SplitterError(
      'BrokerRejected',
      `topic ${engine.topic.name}, partition ${stuck.join(', ')}: an unfinished transaction of the application's producers hides newer records; they are forwarded when it ends`,
      { retryable: true },
    );
  }
}
