// What an application sends to the topic of its own variable, which is the fallback, after its group was moved back: it is in no original yet.
// Must not run while a pod of the target may still send there.
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { stableEnds, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import { presentTopic } from '../../../common/kafka/wire/presence.ts';
import { readToEnd } from '../../../common/kafka/wire/read-to-end.ts';
import type { GroupOnTopic } from './original.ts';
import { inTransaction } from './transaction.ts';

/**
 * In one transaction the records go to the original, each to the partition where it lay, and the group's offsets on the fallback go past
 * them: whoever does it again finds nothing. What the target has read already stays where it is.
 * @returns how many records.
 */
export async function returnOwn(cluster: Cluster, queue: SplitQueue, original: GroupOnTopic): Promise<number> {
  const fallback = queue.fallback.name;
  const noted = new Map((queue.fallbackEnd ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
  const known = (await presentTopic(cluster, fallback))?.partitions ?? [];
  const partitions = known.map(({ partition }) => partition).filter((partition) => noted.has(partition));
  const { ends, open } = await stableEnds(cluster, fallback, partitions);
  if (open.length > 0) throw mayStillCome(fallback, open);
  const grown = partitions.filter((partition) => (ends.get(partition) ?? 0n) > (noted.get(partition) ?? 0n));
  if (grown.length === 0) return 0;

  return await inTransaction(cluster, `${queue.transactionalIdPrefix}-rewind`, async (producer) => {
    const committed = await stableOffsets(cluster, original.group, fallback, grown);
    let count = 0;
    for (const partition of grown) {
      const from = latest(noted.get(partition), committed.get(partition));
      const position = { topic: fallback, partition, from, to: ends.get(partition) };
      for await (const { records, next } of readToEnd(cluster, position)) {
        await producer.produce([{ topic: original.topic, partition, records }]);
        await producer.commitOffsets(original.group, fallback, new Map([[partition, next]]));
        count += records.length;
      }
    }
    return count;
  });
}

function mayStillCome(fallback: string, open: readonly number[]): SplitterError {
  return new SplitterError(
    'GroupUnsettled',
    `topic ${fallback}, partition ${open.join(', ')}: waiting for the end of a transaction of the application`,
    { retryable: true },
  );
}

function latest(one = 0n, other = 0n): bigint {
  return one > other ? one : other;
}
