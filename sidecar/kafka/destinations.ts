// Proves a temporary topic before anything is written to it: it is the one of the ledger (kafka-notes C13), has every partition, and
// offset 0 is visible for its reader's group (C11).
import type { QueueLocation } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { type Offsets, stableOffsets } from '../../common/kafka/wire/offsets.ts';
import type { KafkaSettings } from './settings.ts';

/** A destination whose reader is known; a session without a group of its own reads with the application's. */
export type Destination = QueueLocation & { group: string };

/**
 * @param commit commits in a transaction of ours: groups with members take no other commit from outside.
 * @throws retryable while the controller has not made all of it.
 */
export async function proveDestination(
  cluster: Cluster,
  { name, topicId, group }: Destination,
  partitions: readonly number[],
  commit: (group: string, topic: string, offsets: Offsets) => Promise<void>,
  settings: KafkaSettings,
): Promise<void> {
  const topic = (await cluster.describeTopics([name])).get(name);
  if (topic === undefined) throw notReady(`topic ${name} does not exist (yet)`);
  if (topicId !== undefined && topicId !== topic.topicId) {
    throw new SplitterError(
      'TopicRecreated',
      `topic ${name} was deleted and made again by somebody else; it is never written to`,
    );
  }
  const known = new Set(topic.partitions.filter(({ leader }) => leader >= 0).map(({ partition }) => partition));
  const lacking = partitions.filter((partition) => !known.has(partition));
  if (lacking.length > 0) throw notReady(`topic ${name} has no partition ${lacking.join(', ')} (yet)`);
  const offsets = await stableOffsets(cluster, group, name, partitions, settings.stableDeadlineMs);
  const never = partitions.filter((partition) => !offsets.has(partition));
  if (never.length > 0) await commit(group, name, new Map(never.map((partition) => [partition, 0n])));
}

function notReady(message: string): SplitterError {
  return new SplitterError('QueueNotFound', `${message}; waiting for the controller to make it`, { retryable: true });
}
