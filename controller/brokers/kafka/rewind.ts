// The target is gone: what it and its sessions had not read yet is given back by moving the application's group back on the original.
// Nothing is ever produced into the original topic: other groups would see it twice (kafka-notes C6). At least once, on purpose.
import { createHash } from 'node:crypto';
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { type Offsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import { readToEnd } from '../../../common/kafka/wire/read-to-end.ts';
import type { KafkaRecord } from '../../../common/kafka/wire/record-batch.ts';
import type { GroupOnTopic } from './original.ts';
import { commitOffsets } from './pre-commit.ts';

const STABLE_DEADLINE_MS = 20_000;

/**
 * Per partition the group goes to the first original record that lies unread in a temporary topic. Which one that is follows from the
 * records themselves, for copies are exact: no bookkeeping has to survive. An equal record further in front only means that more is
 * read again. Resolves to the partitions that were moved.
 */
export async function rewind(cluster: Cluster, queue: SplitQueue, original: GroupOnTopic): Promise<Offsets> {
  const readers: GroupOnTopic[] = [
    { topic: queue.fallback.name, group: original.group },
    ...queue.routes.map(({ destination }) => ({ topic: destination.name, group: destination.group ?? original.group })),
  ];
  const begins = new Map((queue.start ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
  const partitions = (await cluster.describeTopic(original.topic)).partitions.map(({ partition }) => partition);
  const target: Offsets = new Map();
  for (const partition of partitions) {
    const unread = await fingerprintsOfUnread(cluster, readers, partition);
    if (unread.size === 0) continue;
    const first = await firstOf(cluster, original.topic, partition, begins.get(partition) ?? 0n, unread);
    if (first !== undefined) target.set(partition, first);
  }
  const now = await stableOffsets(cluster, original.group, original.topic, partitions, STABLE_DEADLINE_MS);
  for (const [partition, offset] of target) {
    if ((now.get(partition) ?? 0n) <= offset) target.delete(partition);
  }
  if (target.size > 0) await commitOffsets(cluster, original.group, original.topic, target);
  return target;
}

async function fingerprintsOfUnread(
  cluster: Cluster,
  readers: readonly GroupOnTopic[],
  partition: number,
): Promise<ReadonlySet<string>> {
  const unread = new Set<string>();
  const topics = await cluster.describeTopics(readers.map(({ topic }) => topic));
  for (const { topic, group } of readers) {
    if (!topics.get(topic)?.partitions.some((known) => known.partition === partition)) continue;
    const committed = await stableOffsets(cluster, group, topic, [partition], STABLE_DEADLINE_MS);
    for await (const { records } of readToEnd(cluster, { topic, partition, from: committed.get(partition) ?? 0n })) {
      for (const record of records) unread.add(fingerprint(record));
    }
  }
  return unread;
}

async function firstOf(
  cluster: Cluster,
  topic: string,
  partition: number,
  from: bigint,
  wanted: ReadonlySet<string>,
): Promise<bigint | undefined> {
  for await (const { records } of readToEnd(cluster, { topic, partition, from })) {
    const found = records.find((record) => wanted.has(fingerprint(record)));
    if (found) return found.offset;
  }
  return undefined;
}

function fingerprint({ timestamp, body }: KafkaRecord): string {
  return createHash('sha1').update(`${timestamp} `).update(body).digest('base64');
}
