// The way back, which needs no forwarder (kafka-notes C3): fence every producer of the split, wait until offsets are stable, and
// count what the target still has to read.
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import { transactionalIds } from '../../../common/kafka/transactional-ids.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { logOffsets, stableEnds, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import { presentTopic } from '../../../common/kafka/wire/presence.ts';
import { countRecords } from '../../../common/kafka/wire/read-to-end.ts';
import { TransactionalProducer } from '../../../common/kafka/wire/transactional-producer.ts';
import type { GroupOnTopic } from './original.ts';
import { commitOffsets } from './pre-commit.ts';

/** What matters is zero or not; more than this is counted by offsets. */
const COUNT_EXACTLY = 1_000;

/** Open transactions of the split are ended by this and no forwarder can write or move offsets any more, awake or asleep. */
export async function takeProducers(cluster: Cluster, queue: SplitQueue): Promise<void> {
  const ids = transactionalIds(queue);
  await Promise.all(ids.map((id) => new TransactionalProducer(cluster, id, undefined, 'control').take()));
}

/** Takes the producers, and sees to it that the group has an offset on every partition of the original. */
export async function fenceProducers(
  cluster: Cluster,
  queue: SplitQueue,
  { topic, group }: GroupOnTopic,
): Promise<void> {
  await takeProducers(cluster, queue);
  const topics = await cluster.describeTopics([topic, queue.fallback.name]);
  for (const { name, partitions } of topics.values()) {
    const numbers = partitions.map(({ partition }) => partition);
    const committed = await stableOffsets(cluster, group, name, numbers);
    const never = numbers.filter((partition) => !committed.has(partition));
    if (name === topic && never.length > 0) await commitStart(cluster, queue, { topic, group }, never);
  }
}

/** A partition that came too late to be forwarded, or whose offset expired: with `latest` the target would skip what lies there. */
async function commitStart(
  cluster: Cluster,
  { start = [], transactionalIdPrefix }: SplitQueue,
  original: GroupOnTopic,
  partitions: readonly number[],
): Promise<void> {
  const noted = new Map(start.map(({ partition, offset }) => [partition, BigInt(offset)]));
  const earliest = await logOffsets(cluster, original.topic, partitions, 'earliest');
  const offsets = new Map(
    partitions.map((partition) => [partition, noted.get(partition) ?? earliest.get(partition) ?? 0n]),
  );
  await commitOffsets(cluster, `${transactionalIdPrefix}-restore`, original, offsets);
}

/**
 * Data records between the group's offsets and the last stable offset (C5). A transaction that is not finished may add some and counts
 * as one. A topic that is gone has none.
 */
export async function remainingRecords(cluster: Cluster, topic: string, group: string): Promise<number> {
  const info = await presentTopic(cluster, topic);
  if (info === undefined) return 0;
  const partitions = info.partitions.map(({ partition }) => partition);
  const committed = await stableOffsets(cluster, group, topic, partitions);
  const { ends, open } = await stableEnds(cluster, topic, partitions);
  let remaining = open.length;
  for (const partition of partitions) {
    const from = committed.get(partition) ?? 0n;
    remaining += await countRecords(cluster, { topic, partition, from, to: ends.get(partition) }, COUNT_EXACTLY);
  }
  return remaining;
}
