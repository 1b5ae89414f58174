// Where partitions begin that the application's group never committed, taken before the target restarts.
import { SplitterError } from '../../../common/errors.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { logOffsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import type { GroupOnTopic } from './original.ts';

const STABLE_DEADLINE_MS = 20_000;

export async function startOffsets(
  cluster: Cluster,
  { topic, group }: GroupOnTopic,
): Promise<{ partition: number; offset: string }[]> {
  const partitions = (await cluster.describeTopic(topic)).partitions.map(({ partition }) => partition);
  const committed = await stableOffsets(cluster, group, topic, partitions, STABLE_DEADLINE_MS);
  const never = partitions.filter((partition) => !committed.has(partition));
  if (never.length === 0) return [];
  const reset = cluster.options.offsetReset;
  if (reset === 'none') {
    throw new SplitterError(
      'GroupUnsupported',
      `group ${group} has no committed offset on topic ${topic}, partition ${never.join(', ')}, and auto.offset.reset is none: it keeps its position elsewhere and cannot be split`,
    );
  }
  const begins = await logOffsets(cluster, topic, never, reset);
  return never.map((partition) => ({ partition, offset: String(begins.get(partition) ?? 0n) }));
}
