// Offset 0 for a reader before anybody can write, so that `auto.offset.reset=latest` skips nothing, whenever the reader joins (C11).
import { pause } from '../../../common/clock.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { isKafkaError } from '../../../common/kafka/wire/errors.ts';
import { commitWithoutMembers, type Offsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import type { GroupOnTopic } from './original.ts';
import { inTransaction } from './transaction.ts';

const VISIBLE_DEADLINE_MS = 10_000;

/** Partitions that the group has an offset for are left alone. Resolves when all offsets are visible. */
export async function commitBeginning(
  cluster: Cluster,
  group: string,
  topic: string,
  partitions: readonly number[],
): Promise<void> {
  const deadline = cluster.clock.monotonic() + VISIBLE_DEADLINE_MS;
  for (let delayMs = 20; ; delayMs *= 2) {
    const known = await stableOffsets(cluster, group, topic, partitions);
    const missing: Offsets = new Map(
      partitions.filter((partition) => !known.has(partition)).map((partition) => [partition, 0n]),
    );
    if (missing.size === 0) return;
    try {
      await commitOffsets(cluster, `${topic}-setup`, { group, topic }, missing);
    } catch (error) {
      // The group's coordinator may hear of a new topic later than we do.
      if (!isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION') || cluster.clock.monotonic() > deadline) throw error;
      await pause(cluster.clock, delayMs);
    }
  }
}

/** A group with members takes commits of others only inside a transaction, for which `transactionalId` is. */
export async function commitOffsets(
  cluster: Cluster,
  transactionalId: string,
  { group, topic }: GroupOnTopic,
  offsets: Offsets,
): Promise<void> {
  if (await commitWithoutMembers(cluster, group, topic, offsets)) return;
  await inTransaction(cluster, transactionalId, (producer) => producer.commitOffsets(group, topic, offsets));
}
