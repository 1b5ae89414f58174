// Where every partition begins, taken before the target restarts: the group's offset, or what its reset policy says where it never
// committed. The forwarder goes by the group's offset while there is one; the way back from a lost target begins to look here.
import { SplitterError } from '../../../common/errors.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { logOffsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import type { GroupOnTopic } from './original.ts';

export async function startOffsets(
  cluster: Cluster,
  { topic, group }: GroupOnTopic,
): Promise<{ partition: number; offset: string }[]> {
  const partitions = (await cluster.describeTopic(topic)).partitions.map(({ partition }) => partition);
  const committed = await stableOffsets(cluster, group, topic, partitions);
  const never = partitions.filter((partition) => !committed.has(partition));
  const reset = cluster.options.offsetReset;
  if (reset === 'none' && never.length > 0) {
    throw new SplitterError(
      'GroupUnsupported',
      `group ${group} has no committed offset on topic ${topic}, partition ${never.join(', ')}, and auto.offset.reset is none: it keeps its position elsewhere and cannot be split`,
    );
  }
  const begins = await logOffsets(cluster, topic, never, reset === 'none' ? 'latest' : reset);
  return partitions.map((partition) => ({
    partition,
    offset: String(committed.get(partition) ?? begins.get(partition) ?? 0n),
  }));
}
