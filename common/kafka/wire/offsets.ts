// Offsets: where a log begins and ends, what a group committed, and the plain commit for groups without members.
// To go by committed offsets they are read with require_stable only: without it a reader can get a value that a transaction is about to
// replace (C3).
import {
  FetchIsolationLevels,
  ListOffsetTimestamps,
  listOffsetsV7,
  offsetCommitV8,
  offsetFetchV8,
} from '@platformatic/kafka';
import { pause } from '../../clock.ts';
import { SplitterError } from '../../errors.ts';
import { call } from './call.ts';
import type { Cluster } from './cluster.ts';
import { errorName, throwIfError } from './errors.ts';

/** Offset per partition. */
const STABLE_DEADLINE_MS = 20_000;

export type Offsets = Map<number, bigint>;

export type CommittedOffsets = {
  /** Partitions that the group committed. */
  offsets: Offsets;
  /** Partitions with a pending transactional commit: their offset is not known yet. */
  unstable: number[];
};

/** One look. */
export function committedOffsets(
  cluster: Cluster,
  group: string,
  topic: string,
  partitions: readonly number[],
): Promise<CommittedOffsets> {
  return fetchOffsets(cluster, group, topic, partitions, true);
}

/** What the group has as long as no transaction under way is committed, ours included. */
export async function offsetsBeforeTransactions(
  cluster: Cluster,
  group: string,
  topic: string,
  partitions: readonly number[],
): Promise<Offsets> {
  return (await fetchOffsets(cluster, group, topic, partitions, false)).offsets;
}

function fetchOffsets(
  cluster: Cluster,
  group: string,
  topic: string,
  partitions: readonly number[],
  requireStable: boolean,
): Promise<CommittedOffsets> {
  const what = `offsets of group ${group} on topic ${topic}`;
  return cluster.withCoordinator('GROUP', group, async (connection) => {
    const wanted = [{ groupId: group, memberEpoch: -1, topics: [{ name: topic, partitionIndexes: [...partitions] }] }];
    const response = await call(connection, offsetFetchV8.api, wanted, requireStable);
    const answer = response.groups[0];
    if (answer === undefined) throw new SplitterError('BrokerUnreachable', `${what}: no answer`, { retryable: true });
    throwIfError(answer.errorCode, what);
    const result: CommittedOffsets = { offsets: new Map(), unstable: [] };
    for (const entry of answer.topics.flatMap((found) => found.partitions)) {
      const error = errorName(entry.errorCode);
      if (error === 'UNSTABLE_OFFSET_COMMIT') result.unstable.push(entry.partitionIndex);
      else if (error === 'UNKNOWN_TOPIC_OR_PARTITION') continue;
      else throwIfError(entry.errorCode, `${what}, partition ${entry.partitionIndex}`);
      if (entry.committedOffset >= 0n) result.offsets.set(entry.partitionIndex, entry.committedOffset);
    }
    return result;
  });
}

/** Asks until nothing is pending any more. @throws `GroupUnsettled` (retryable) at the deadline. */
export async function stableOffsets(
  cluster: Cluster,
  group: string,
  topic: string,
  partitions: readonly number[],
  deadlineMs = STABLE_DEADLINE_MS,
): Promise<Offsets> {
  const deadline = cluster.clock.monotonic() + deadlineMs;
  for (let delayMs = 5; ; delayMs = Math.min(delayMs * 2, 250)) {
    const { offsets, unstable } = await committedOffsets(cluster, group, topic, partitions);
    if (unstable.length === 0) return offsets;
    if (cluster.clock.monotonic() + delayMs > deadline) {
      throw new SplitterError(
        'GroupUnsettled',
        `a transaction of group ${group} on topic ${topic}, partition ${unstable.join(', ')}, is not finished; waiting for it`,
        { retryable: true },
      );
    }
    await pause(cluster.clock, delayMs);
  }
}

/** True when done, false when the group has members: then only a transaction may commit. */
export function commitWithoutMembers(
  cluster: Cluster,
  group: string,
  topic: string,
  offsets: Offsets,
): Promise<boolean> {
  const what = `commit of group ${group} on topic ${topic}`;
  return cluster.withCoordinator('GROUP', group, async (connection) => {
    const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
      partitionIndex,
      committedOffset,
      committedLeaderEpoch: -1,
      committedMetadata: '',
    }));
    const response = await call(connection, offsetCommitV8.api, group, -1, '', null, [{ name: topic, partitions }]);
    for (const entry of response.topics.flatMap((found) => found.partitions)) {
      if (['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'].includes(errorName(entry.errorCode)))
        return false;
      throwIfError(entry.errorCode, `${what}, partition ${entry.partitionIndex}`);
    }
    return true;
  });
}

export type LogEnd = 'earliest' | 'latest' | 'high watermark';

/** `latest` is the last stable offset: what unfinished transactions wrote lies between it and the high watermark. */
export function logOffsets(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  end: LogEnd,
): Promise<Offsets> {
  return cluster.withLeaders(topic, () => askLeaders(cluster, topic, partitions, end));
}

/**
 * The last stable offsets, and the partitions on which a transaction is not finished: its records, or its markers, may still come. Read in
 * this order, so that what begins in between counts as open.
 */
export async function stableEnds(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
): Promise<{ ends: Offsets; open: number[] }> {
  const ends = await logOffsets(cluster, topic, partitions, 'latest');
  const written = await logOffsets(cluster, topic, partitions, 'high watermark');
  return { ends, open: partitions.filter((partition) => ends.get(partition) !== written.get(partition)) };
}

async function askLeaders(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  end: LogEnd,
): Promise<Offsets> {
  const byLeader = new Map<number, { partition: number; leaderEpoch: number }[]>();
  for (const partition of partitions) {
    const { leader, leaderEpoch } = await cluster.leaderOf(topic, partition);
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), { partition, leaderEpoch }]);
  }
  const isolation =
    end === 'high watermark' ? FetchIsolationLevels.READ_UNCOMMITTED : FetchIsolationLevels.READ_COMMITTED;
  const offsets: Offsets = new Map();
  for (const [leader, wanted] of byLeader) {
    const response = await call(await cluster.broker(leader), listOffsetsV7.api, -1, isolation, [
      {
        name: topic,
        partitions: wanted.map(({ partition, leaderEpoch }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: leaderEpoch,
          timestamp: end === 'earliest' ? ListOffsetTimestamps.EARLIEST : ListOffsetTimestamps.LATEST,
        })),
      },
    ]);
    for (const entry of response.topics.flatMap((found) => found.partitions)) {
      throwIfError(entry.errorCode, `offsets of topic ${topic}, partition ${entry.partitionIndex}`);
      offsets.set(entry.partitionIndex, entry.offset);
    }
  }
  return offsets;
}
