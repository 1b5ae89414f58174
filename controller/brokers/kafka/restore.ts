// The way back, which needs no forwarder (kafka-notes C3): fence every producer of the split, wait until offsets are stable, and
// count what the target still has to read.
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import { transactionalIds } from '../../../common/kafka/transactional-ids.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { logOffsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import { countRecords } from '../../../common/kafka/wire/read-to-end.ts';
import { TransactionalProducer } from '../../../common/kafka/wire/transactional-producer.ts';
import type { GroupOnTopic } from './original.ts';

const STABLE_DEADLINE_MS = 20_000;
/** What matters is zero or not; more than this is counted by offsets. */
const COUNT_EXACTLY = 1_000;

/** Open transactions of the split are ended by this and no forwarder can write or move offsets any more, awake or asleep. */
export async function fenceProducers(
  cluster: Cluster,
  queue: SplitQueue,
  { topic, group }: GroupOnTopic,
): Promise<void> {
  const ids = transactionalIds(queue);
  await Promise.all(ids.map((id) => new TransactionalProducer(cluster, id, undefined, 'control').take()));
  const topics = await cluster.describeTopics([topic, queue.fallback.name]);
  for (const { name, partitions } of topics.values()) {
    await stableOffsets(
      cluster,
      group,
      name,
      partitions.map(({ partition }) => partition),
      STABLE_DEADLINE_MS,
    );
  }
}

/**
 * Data records between the group's offsets and the last stable offset (C5). A transaction that is not finished may add some and counts
 * as one. A topic that is gone has none.
 */
export async function remainingRecords(cluster: Cluster, topic: string, group: string): Promise<number> {
  const info = (await cluster.describeTopics([topic])).get(topic);
  if (info === undefined) return 0;
  const partitions = info.partitions.map(({ partition }) => partition);
  const committed = await stableOffsets(cluster, group, topic, partitions, STABLE_DEADLINE_MS);
  const stable = await logOffsets(cluster, topic, partitions, 'latest');
  const written = await logOffsets(cluster, topic, partitions, 'high watermark');
  let remaining = partitions.filter((partition) => stable.get(partition) !== written.get(partition)).length;
  for (const partition of partitions) {
    const from = committed.get(partition) ?? 0n;
    remaining += await countRecords(cluster, { topic, partition, from }, COUNT_EXACTLY);
  }
  return remaining;
}
