// What an application sends to the topic of its own variable, which is the fallback, after its group was moved back: it is in no original yet.
// Must not run while a pod of the target may still send there.
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { logOffsets, type Offsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import { presentTopics } from '../../../common/kafka/wire/presence.ts';
import { readToEnd } from '../../../common/kafka/wire/read-to-end.ts';
import { TransactionalProducer } from '../../../common/kafka/wire/transactional-producer.ts';
import type { GroupOnTopic } from './original.ts';

const STABLE_DEADLINE_MS = 20_000;

/**
 * In one transaction the records go to the original, each to the partition where it lay, and the group's offsets on the fallback go past
 * them: whoever does it again finds nothing. What the target has read already stays where it is.
 * @returns how many records.
 */
export async function returnOwn(cluster: Cluster, queue: SplitQueue, original: GroupOnTopic): Promise<number> {
  const fallback = queue.fallback.name;
  const known = (await presentTopics(cluster, [fallback])).get(fallback)?.partitions ?? [];
  const ends = new Map((queue.fallbackEnd ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
  const partitions = known.map(({ partition }) => partition).filter((partition) => ends.has(partition));
  if (partitions.length === 0 || !(await grewBehind(cluster, fallback, ends, partitions))) return 0;

  const producer = new TransactionalProducer(cluster, `${queue.transactionalIdPrefix}-rewind`);
  // Before anything is read: what another controller has begun is over then.
  await producer.take();
  const committed = await stableOffsets(cluster, original.group, fallback, partitions, STABLE_DEADLINE_MS);
  const stable = await logOffsets(cluster, fallback, partitions, 'latest');
  let count = 0;
  try {
    for (const partition of partitions) {
      const from = latest(ends.get(partition), committed.get(partition));
      for await (const { records, next } of readToEnd(cluster, {
        topic: fallback,
        partition,
        from,
        to: stable.get(partition),
      })) {
        await producer.produce([{ topic: original.topic, partition, records }]);
        await producer.commitOffsets(original.group, fallback, new Map([[partition, next]]));
        count += records.length;
      }
    }
    await producer.commit();
  } catch (error) {
    await producer.abort().catch(() => undefined);
    throw error;
  }
  return count;
}

/** Rejects while an application's transaction is open there: its records may still come. */
async function grewBehind(
  cluster: Cluster,
  fallback: string,
  ends: Offsets,
  partitions: readonly number[],
): Promise<boolean> {
  const written = await logOffsets(cluster, fallback, partitions, 'high watermark');
  const stable = await logOffsets(cluster, fallback, partitions, 'latest');
  const open = partitions.filter((partition) => written.get(partition) !== stable.get(partition));
  if (open.length > 0) {
    throw new SplitterError(
      'GroupUnsettled',
      `topic ${fallback}, partition ${open.join(', ')}: waiting for the end of a transaction of the application`,
      { retryable: true },
    );
  }
  return partitions.some((partition) => (stable.get(partition) ?? 0n) > (ends.get(partition) ?? 0n));
}

function latest(one = 0n, other = 0n): bigint {
  return one > other ? one : other;
}
