// Reads one partition from a position to its last stable offset, for counting and copying what a group has not read yet.
// Only records count: transaction markers and aborted records take offsets that many clients never commit past (kafka-notes C5).
import { SplitterError } from '../../errors.ts';
import type { Channel, Cluster } from './cluster.ts';
import { errorName, throwIfError } from './errors.ts';
import { type FetchedPartition, fetchPartitions } from './fetch.ts';
import { logOffsets } from './offsets.ts';
import { type CommittedRead, readCommitted } from './read-committed.ts';

const LIMITS = { maxWaitMs: 0, maxBytes: 4 * 1024 * 1024, maxPartitionBytes: 4 * 1024 * 1024 };

export type PartitionPosition = {
  topic: string;
  partition: number;
  from: bigint;
  /** A last stable offset that is known: a leader that was just elected may not know yet how far its log counts (KIP-207). */
  to?: bigint | undefined;
};

/** The last value has `next` at or behind the end. What retention deleted before `from` could be read is skipped. */
export async function* readToEnd(
  cluster: Cluster,
  { topic, partition, from, to = 0n }: PartitionPosition,
  channel?: Channel,
): AsyncGenerator<CommittedRead & { end: bigint }> {
  let position = from;
  for (;;) {
    const fetched = await cluster.withLeaders(topic, () =>
      fetchOne(cluster, { topic, partition, from: position }, channel),
    );
    if (errorName(fetched.errorCode) === 'OFFSET_OUT_OF_RANGE') {
      const begin = (await logOffsets(cluster, topic, [partition], 'earliest')).get(partition) ?? 0n;
      if (begin <= position) return;
      position = begin;
      continue;
    }
    const read = readCommitted(fetched, position);
    const isAtEnd = read.next >= fetched.lastStableOffset;
    if (read.next === position && (!isAtEnd || read.next < to)) {
      throw new SplitterError(
        'BrokerUnreachable',
        `topic ${topic}, partition ${partition}: nothing at offset ${position}`,
        {
          retryable: true,
        },
      );
    }
    yield { ...read, end: fetched.lastStableOffset };
    if (isAtEnd && read.next >= to) return;
    position = read.next;
  }
}

async function fetchOne(
  cluster: Cluster,
  { topic, partition, from }: PartitionPosition,
  channel: Channel | undefined,
): Promise<FetchedPartition> {
  const { topicId } = await cluster.knownTopic(topic);
  const { leader, leaderEpoch } = await cluster.leaderOf(topic, partition);
  const position = { partition, offset: from, leaderEpoch, lastFetchedEpoch: -1 };
  const [fetched] = await fetchPartitions(await cluster.broker(leader, channel), topicId, [position], LIMITS);
  if (fetched === undefined) {
    throw new SplitterError('BrokerUnreachable', `topic ${topic}, partition ${partition}: no answer`, {
      retryable: true,
    });
  }
  if (errorName(fetched.errorCode) !== 'OFFSET_OUT_OF_RANGE') {
    throwIfError(fetched.errorCode, `reading topic ${topic}, partition ${partition}`);
  }
  return fetched;
}

/**
 * Records that are left. Exact up to `exactUpTo`; beyond that the rest is counted by offsets, which may be too many, never zero.
 */
export async function countRecords(
  cluster: Cluster,
  position: PartitionPosition,
  exactUpTo = Number.POSITIVE_INFINITY,
): Promise<number> {
  let count = 0;
  for await (const { records, next, end } of readToEnd(cluster, position)) {
    count += records.length;
    if (count >= exactUpTo && next < end) return count + Number(end - next);
  }
  return count;
}
