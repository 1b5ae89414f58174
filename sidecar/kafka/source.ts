// Reads partitions of the original by assignment: one long poll per leader, always under way while somebody wants records.
// Decides nothing about what was read; commits nothing.
import type { Cluster, TopicInfo } from '../../common/kafka/wire/cluster.ts';
import {
  type FetchedPartition,
  type FetchLimits,
  type FetchPosition,
  fetchPartitions,
} from '../../common/kafka/wire/fetch.ts';
import { Changes } from '../changes.ts';

export type Wanted = { partition: number; offset: bigint; lastFetchedEpoch: number };

/** `offset` is the one that was asked for: what somebody else's rewind made stale can be told by it. */
export type Polled = { offset: bigint; fetched: FetchedPartition };

export class Source {
  readonly #cluster: Cluster;
  readonly #topic: Pick<TopicInfo, 'name' | 'topicId'>;
  readonly #channel: string;
  readonly #limits: FetchLimits;
  readonly #changes = new Changes();
  readonly #polling = new Set<number>();
  #arrived: Polled[] = [];
  #failure: unknown;
  #generation = 0;

  constructor(cluster: Cluster, topic: Pick<TopicInfo, 'name' | 'topicId'>, channel: string, limits: FetchLimits) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#channel = channel;
    this.#limits = limits;
  }

  /**
   * What came first, from whichever leader; [] when the signal was aborted, or when what is being read was discarded meanwhile: then other
   * positions may be wanted. Rejects when a poll failed as a whole.
   */
  async next(wanted: readonly Wanted[], signal: AbortSignal): Promise<Polled[]> {
    const generation = this.#generation;
    if (this.#arrived.length === 0) await this.begin(wanted);
    const isOver = () => this.#arrived.length > 0 || this.#failure !== undefined || this.#generation !== generation;
    await this.#changes.until(isOver, signal);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    return this.#arrived.splice(0);
  }

  /** Begins a poll at every leader that has none, without waiting for it. */
  async begin(wanted: readonly Wanted[]): Promise<void> {
    const byLeader = new Map<number, FetchPosition[]>();
    for (const entry of wanted) {
      const { leader, leaderEpoch } = await this.#cluster.leaderOf(this.#topic.name, entry.partition);
      if (this.#polling.has(leader)) continue;
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), { ...entry, leaderEpoch }]);
    }
    for (const [leader, positions] of byLeader) void this.#poll(leader, positions, this.#generation);
  }

  /** Forgets what was read and what is being read. */
  discard(): void {
    this.#generation += 1;
    this.#polling.clear();
    this.#arrived = [];
    this.#failure = undefined;
    this.#changes.notify();
  }

  async #poll(leader: number, positions: readonly FetchPosition[], generation: number): Promise<void> {
    this.#polling.add(leader);
    try {
      const connection = await this.#cluster.broker(leader, this.#channel);
      const fetched = await fetchPartitions(connection, this.#topic.topicId, positions, this.#limits);
      if (generation === this.#generation) this.#arrived.push(...withOffsets(fetched, positions));
    } catch (error) {
      this.#cluster.forgetTopic(this.#topic.name);
      if (generation === this.#generation) this.#failure = error;
    }
    if (generation === this.#generation) this.#polling.delete(leader);
    this.#changes.notify();
  }
}

function withOffsets(fetched: readonly FetchedPartition[], positions: readonly FetchPosition[]): Polled[] {
  return fetched.flatMap((entry) => {
    const position = positions.find(({ partition }) => partition === entry.partition);
    return position === undefined ? [] : [{ offset: position.offset, fetched: entry }];
  });
}
