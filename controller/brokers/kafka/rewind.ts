// What the target and its sessions had not read is given back by moving the application's group back on the original: the target is gone,
// or its drain was given up. Nothing is ever produced into the original topic: other groups would see it twice (kafka-notes C6). At least
// once, on purpose.
import { createHash } from 'node:crypto';
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { logOffsets, type Offsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import { type PartitionPosition, readToEnd } from '../../../common/kafka/wire/read-to-end.ts';
import type { KafkaRecord } from '../../../common/kafka/wire/record-batch.ts';
import type { Rewound } from '../broker.ts';
import type { GroupOnTopic } from './original.ts';
import { commitOffsets } from './pre-commit.ts';

const STABLE_DEADLINE_MS = 20_000;

type RewindOptions = {
  /** Moves nothing when a record is in the original no more: for who keeps the topics then and comes again. */
  onlyWhole?: boolean;
};

/**
 * Per partition the group goes to the first original record that lies unread in a temporary topic. Which one that is follows from the
 * records themselves, for copies are exact: no bookkeeping has to survive. An equal record further in front only means that more is
 * read again.
 */
export async function rewind(
  cluster: Cluster,
  queue: SplitQueue,
  original: GroupOnTopic,
  { onlyWhole = false }: RewindOptions = {},
): Promise<Rewound> {
  const readers: GroupOnTopic[] = [
    { topic: queue.fallback.name, group: original.group },
    ...queue.routes.map(({ destination }) => ({ topic: destination.name, group: destination.group ?? original.group })),
  ];
  const begins = new Map((queue.start ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
  const partitions = (await cluster.describeTopic(original.topic)).partitions.map(({ partition }) => partition);
  const target: Offsets = new Map();
  let missing = 0;
  for (const partition of partitions) {
    const unread = await fingerprintsOfUnread(cluster, readers, partition);
    if (unread.size === 0) continue;
    const first = await find(cluster, original.topic, partition, begins.get(partition) ?? 0n, unread);
    if (first !== undefined) target.set(partition, first);
    missing += unread.size;
  }
  if (onlyWhole && missing > 0) return { moved: [], missing };
  const now = await stableOffsets(cluster, original.group, original.topic, partitions, STABLE_DEADLINE_MS);
  for (const [partition, offset] of target) {
    if ((now.get(partition) ?? 0n) <= offset) target.delete(partition);
  }
  if (target.size > 0) await commitOffsets(cluster, `${queue.transactionalIdPrefix}-rewind`, original, target);
  return { moved: [...target].map(([partition, offset]) => ({ partition, offset: String(offset) })), missing };
}

async function fingerprintsOfUnread(
  cluster: Cluster,
  readers: readonly GroupOnTopic[],
  partition: number,
): Promise<Set<string>> {
  const unread = new Set<string>();
  const topics = await cluster.describeTopics(readers.map(({ topic }) => topic));
  for (const { topic, group } of readers) {
    if (!topics.get(topic)?.partitions.some((known) => known.partition === partition)) continue;
    const committed = await stableOffsets(cluster, group, topic, [partition], STABLE_DEADLINE_MS);
    const position = await untilNow(cluster, topic, partition, committed.get(partition) ?? 0n);
    for await (const { records } of readToEnd(cluster, position)) {
      for (const record of records) unread.add(fingerprint(record));
    }
  }
  return unread;
}

/** Takes what is there out of `wanted`; the offset of the first. */
async function find(
  cluster: Cluster,
  topic: string,
  partition: number,
  from: bigint,
  wanted: Set<string>,
): Promise<bigint | undefined> {
  let first: bigint | undefined;
  for await (const { records } of readToEnd(cluster, await untilNow(cluster, topic, partition, from))) {
    for (const record of records) if (wanted.delete(fingerprint(record))) first ??= record.offset;
    if (wanted.size === 0) break;
  }
  return first;
}

async function untilNow(cluster: Cluster, topic: string, partition: number, from: bigint): Promise<PartitionPosition> {
  const to = (await logOffsets(cluster, topic, [partition], 'latest')).get(partition);
  return { topic, partition, from, to };
}

function fingerprint({ timestamp, body }: KafkaRecord): string {
  return createHash('sha1').update(`${timestamp} `).update(body).digest('base64');
}
