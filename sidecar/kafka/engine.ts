// The running data path of one Kafka queue: a lane per transactional id, the routes, the endings of routes, and what is looked after now
// and then. What the split wants, and in which order, is the pipeline's business.
import type { Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import type { Clock } from '../../common/clock.ts';
import { SplitterError } from '../../common/errors.ts';
import { transactionalIds } from '../../common/kafka/transactional-ids.ts';
import type { Cluster, TopicInfo } from '../../common/kafka/wire/cluster.ts';
import { logOffsets, type Offsets, stableOffsets } from '../../common/kafka/wire/offsets.ts';
import { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { type Destination, proveDestination } from './destinations.ts';
import { Ending } from './ending.ts';
import { Lane } from './lane.ts';
import { offerOffsets } from './offer-offsets.ts';
import type { Beginning } from './partition.ts';
import { createRouter, type Router } from './router.ts';
import type { KafkaSettings } from './settings.ts';
import { Source } from './source.ts';
import type { Turn } from './turn.ts';

export type EngineOptions = {
  queue: SplitQueue;
  cluster: Cluster;
  settings: KafkaSettings;
  clock: Clock;
  random: () => number;
  mayWrite: () => boolean;
  onForwarded: (turn: Turn, seconds: number) => void;
  onProblem: (source: string, problem: SplitterError | undefined) => void;
  onFatal: (error: SplitterError) => void;
  onReturned: (route: Route, messages: number) => void;
  onOrderGivenUp: (route: Route, partition: number) => void;
};

export class Engine {
  readonly group: string;
  readonly topic: TopicInfo;
  readonly #options: EngineOptions;
  readonly #lanes: Lane[];
  readonly #endings = new Map<string, Ending>();
  /** Sessions whose end holds partitions. */
  readonly #holders = new Set<string>();
  readonly #closed = new AbortController();
  #router: Router;
  #destinations: Destination[] = [];

  /**
   * Takes every transactional id: from here on no earlier forwarder can write or move offsets (kafka-notes C4). Call it once per
   * ownership, and read offsets only afterwards.
   */
  static async open(options: EngineOptions): Promise<Engine> {
    const { queue, cluster } = options;
    const topic = await cluster.describeTopic(queue.original.name);
    if (queue.original.topicId !== undefined && queue.original.topicId !== topic.topicId) {
      throw new SplitterError(
        'TopicRecreated',
        `topic ${topic.name} was deleted and made again since the split began; end the split`,
      );
    }
    const guard = guardBy(options.mayWrite);
    const producers = transactionalIds(queue).map((id) => new TransactionalProducer(cluster, id, guard));
    await Promise.all(producers.map((producer) => producer.take()));
    return new Engine(options, topic, producers);
  }

  private constructor(options: EngineOptions, topic: TopicInfo, producers: readonly TransactionalProducer[]) {
    const { queue, cluster, settings } = options;
    this.#options = options;
    this.topic = topic;
    this.group = groupOf(queue);
    this.#router = createRouter({ ...queue, routes: [] });
    const limits = {
      maxWaitMs: settings.fetchWaitMs,
      maxBytes: settings.fetchBytes,
      maxPartitionBytes: settings.partitionBytes,
    };
    this.#lanes = producers.map(
      (producer, index) =>
        new Lane({
          ...options,
          name: `producer ${index}`,
          original: { topic: topic.name, topicId: topic.topicId, group: this.group },
          producer,
          source: new Source(cluster, topic, `fetch-${producer.transactionalId}`, limits),
          router: () => this.#router,
        }),
    );
  }

  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  /** Temporary topics that are written to now, the fallback first. */
  get destinations(): readonly Destination[] {
    return this.#destinations;
  }

  get partitions(): number[] {
    return this.#lanes
      .flatMap((lane) => lane.partitions.map(({ partition }) => partition))
      .sort((one, other) => one - other);
  }

  laneOf(partition: number): Lane {
    const lane = this.#lanes[partition % this.#lanes.length];
    if (lane === undefined) throw new SplitterError('Internal', 'a queue without producers');
    return lane;
  }

  /** Reads where the group is and commits that for every partition. Returns the cut-over point. */
  async cutOver(start: SplitQueue['start']): Promise<Offsets> {
    const numbers = this.topic.partitions.map(({ partition }) => partition);
    const beginnings = await this.#beginnings(numbers, start);
    for (const [partition, beginning] of beginnings) this.laneOf(partition).place(partition, beginning);
    await Promise.all(this.#lanes.map((lane) => lane.transactions.commitPositions()));
    return new Map([...beginnings].map(([partition, { begin }]) => [partition, begin]));
  }

  /** The group may be moved by others again; only after `halt`. */
  leave(): void {
    for (const lane of this.#lanes) lane.clear();
  }

  /** From the next turn on records go by these routes; resolves when nothing is under way by older ones. */
  async route(router: Router, destinations: readonly Destination[], partitions: readonly number[]): Promise<void> {
    const proven = new Set(this.#destinations.map(({ name }) => name));
    const fresh = destinations.filter(({ name }) => !proven.has(name));
    await Promise.all(fresh.map((destination) => this.#prove(destination, partitions)));
    this.#destinations = [...destinations];
    this.#router = router;
    await this.barrier();
  }

  /** In a transaction of ours, as a group with members takes no other commit from outside. */
  commitWhereNone = async (group: string, topic: string, offsets: Offsets): Promise<void> => {
    const [first] = this.#lanes;
    if (first === undefined) return;
    const { cluster } = this.#options;
    try {
      await first.transactions.transact((producer) => offerOffsets(cluster, producer, group, topic, offsets));
    } catch (error) {
      // A reader that comes now would wait for the transaction.
      await first.transactions.repair();
      throw error;
    }
  };

  async barrier(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.transactions.barrier()));
  }

  forward(): void {
    for (const lane of this.#lanes) lane.forward();
  }

  async halt(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.halt()));
  }

  /** Partitions that the original got since: placed once every destination has them. */
  async grow(): Promise<void> {
    const now = await this.#options.cluster.describeTopic(this.topic.name);
    const placed = new Set(this.partitions);
    const added = now.partitions.map(({ partition }) => partition).filter((partition) => !placed.has(partition));
    if (added.length === 0 || placed.size === 0) return;
    for (const destination of this.#destinations) await this.#prove(destination, added);
    for (const [partition, beginning] of await this.#beginnings(added, []))
      this.laneOf(partition).place(partition, beginning);
    await Promise.all(this.#lanes.map((lane) => lane.transactions.commitPositions()));
  }

  /** Holds every partition for this route's end; call it before `route` leaves the route out, and `startEnding` after. */
  holdFor({ sessionUid }: Route): void {
    if (this.#endings.has(sessionUid)) return;
    this.#holders.add(sessionUid);
    for (const lane of this.#lanes) for (const partition of lane.partitions) partition.hold(sessionUid);
  }

  startEnding(route: Route): void {
    if (this.#endings.has(route.sessionUid)) return;
    const { cluster, settings, clock, queue, onProblem, onReturned, onOrderGivenUp } = this.#options;
    const ending = new Ending(
      {
        route,
        session: destinationOf(route.destination, this.group),
        fallback: queue.fallback.name,
        cluster,
        laneOf: (partition) => this.laneOf(partition),
        release: (partition) => this.#release(partition, route.sessionUid),
        settings,
        clock,
        onOrderGivenUp: (partition) => onOrderGivenUp(route, partition),
        onProblem: (problem) => onProblem(`session ${route.session}`, problem),
        signal: this.#closed.signal,
      },
      this.partitions,
    );
    this.#endings.set(route.sessionUid, ending);
    void ending.run().then(() => ending.returned !== undefined && onReturned(route, ending.returned));
  }

  /** Records moved for a session whose end is done. */
  returned(sessionUid: string): number | undefined {
    return this.#endings.get(sessionUid)?.returned;
  }

  /** Routes that are no longer in the split. An end that was asked for and never begun lets go of its partitions. */
  forgetEndings(present: ReadonlySet<string>): void {
    for (const uid of this.#holders) {
      if (present.has(uid)) continue;
      if (!this.#endings.has(uid)) for (const partition of this.partitions) this.#release(partition, uid);
      this.#endings.delete(uid);
      this.#holders.delete(uid);
    }
  }

  /** Aborted when the engine closes. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#lanes.map((lane) => lane.close()));
    await this.#options.cluster.close();
  }

  #release(partition: number, holder: string): void {
    const lane = this.laneOf(partition);
    lane.partitions.find((entry) => entry.partition === partition)?.release(holder);
    lane.wake();
  }

  async #prove(destination: Destination, partitions: readonly number[]): Promise<void> {
    const { cluster, settings } = this.#options;
    await proveDestination(cluster, destination, partitions, this.commitWhereNone, settings);
  }

  /** The group's offset; where it never committed, what was noted before the restart; for partitions younger than that, the beginning. */
  async #beginnings(partitions: readonly number[], start: SplitQueue['start']): Promise<Map<number, Beginning>> {
    const { cluster, settings } = this.#options;
    const noted = new Map((start ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
    const offsets = await stableOffsets(cluster, this.group, this.topic.name, partitions, settings.stableDeadlineMs);
    const unknown = partitions.filter((partition) => !offsets.has(partition) && !noted.has(partition));
    const earliest = await logOffsets(cluster, this.topic.name, unknown, 'earliest');
    return new Map(
      partitions.map((partition) => {
        const committed = offsets.get(partition);
        return [partition, { committed, begin: committed ?? noted.get(partition) ?? earliest.get(partition) ?? 0n }];
      }),
    );
  }
}

export function groupOf({ key, original }: SplitQueue): string {
  if (original.group !== undefined) return original.group;
  throw new SplitterError(
    'InvalidConfig',
    `queue ${key} of the split has no consumer group; the split must be made again`,
  );
}

export function destinationOf(location: SplitQueue['fallback'], group: string): Destination {
  return { ...location, group: location.group ?? group };
}

function guardBy(mayWrite: () => boolean): () => void {
  return () => {
    if (!mayWrite()) {
      throw new SplitterError('Interrupted', 'this forwarder may not write now: its Lease is not fresh', {
        retryable: true,
      });
    }
  };
}
