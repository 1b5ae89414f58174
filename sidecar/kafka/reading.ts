// What a fetched partition means: records to forward, nothing yet, another leader, or the end of the split.
import { SplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { errorName, kafkaError } from '../../common/kafka/wire/errors.ts';
import type { FetchedPartition } from '../../common/kafka/wire/fetch.ts';
import { logOffsets } from '../../common/kafka/wire/offsets.ts';
import { type CommittedRead, readCommitted } from '../../common/kafka/wire/read-committed.ts';
import type { SourcePartition } from './partition.ts';

export type PartitionRead = CommittedRead & { source: SourcePartition };

const GONE = ['UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION'];

/**
 * Undefined when there is nothing to forward. Moves the position itself only over what holds no records.
 * @throws `TopicRecreated` (the end), or what makes sense to try again.
 */
export async function acceptPolled(
  cluster: Cluster,
  original: { topic: string; topicId: string },
  source: SourcePartition,
  fetched: FetchedPartition,
  onSkipped: (problem: SplitterError) => void,
): Promise<PartitionRead | undefined> {
  const error = errorName(fetched.errorCode);
  if (error === 'OFFSET_OUT_OF_RANGE') {
    onSkipped(await skipDeleted(cluster, original.topic, source));
    return undefined;
  }
  if (GONE.includes(error)) await proveSameTopic(cluster, original);
  if (fetched.errorCode !== 0) {
    cluster.forgetTopic(original.topic);
    throw kafkaError(fetched.errorCode, `reading topic ${original.topic}, partition ${source.partition}`);
  }
  if (fetched.divergedAt !== undefined) {
    // An unclean leader election cut the log: what follows there now was never read.
    if (fetched.divergedAt < source.position) source.position = fetched.divergedAt;
    source.lastFetchedEpoch = -1;
    return undefined;
  }
  source.lastStableOffset = fetched.lastStableOffset;
  source.highWatermark = fetched.highWatermark;
  const read = readCommitted(fetched, source.position, source.lastFetchedEpoch);
  if (read.records.length > 0) return { ...read, source };
  source.position = read.next;
  source.lastFetchedEpoch = read.leaderEpoch;
  return undefined;
}

/** Retention was quicker than the group: nobody can read what is gone. */
async function skipDeleted(cluster: Cluster, topic: string, source: SourcePartition): Promise<SplitterError> {
  const { partition, position } = source;
  const begin = (await logOffsets(cluster, topic, [partition], 'earliest')).get(partition) ?? 0n;
  if (begin < position) {
    throw new SplitterError(
      'TopicRecreated',
      `topic ${topic}, partition ${partition} ends before offset ${position}, which was read already: the topic was deleted and made again, or lost records; end the split`,
    );
  }
  source.position = begin;
  return new SplitterError(
    'QueueNotFound',
    `topic ${topic}, partition ${partition}: retention deleted offsets ${position} to ${begin - 1n} before they were read`,
  );
}

/** @throws `TopicRecreated` */
export async function proveSameTopic(
  cluster: Cluster,
  { topic, topicId }: { topic: string; topicId: string },
): Promise<void> {
  const found = (await cluster.describeTopics([topic])).get(topic);
  if (found?.topicId === topicId) return;
  throw new SplitterError(
    'TopicRecreated',
    `topic ${topic} was deleted${found === undefined ? '' : ' and made again'} while it was split; end the split and start again`,
  );
}
