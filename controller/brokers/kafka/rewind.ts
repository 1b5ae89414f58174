// What the target and its sessions had not read is given back by moving the application's group back on the original: the target is gone,
// or its drain was given up. No copy is ever produced into the original topic: other groups would see it twice (kafka-notes C6). At least
// once, on purpose.
import { createHash } from 'node:crypto';
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import { pause } from '../../../common/clock.ts';
import { SplitterError } from '../../../common/errors.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { describeGroup, evictMembers, readsTopic } from '../../../common/kafka/wire/groups.ts';
import { commitWithoutMembers, logOffsets, type Offsets, stableOffsets } from '../../../common/kafka/wire/offsets.ts';
import { presentTopics } from '../../../common/kafka/wire/presence.ts';
import { type PartitionPosition, readToEnd } from '../../../common/kafka/wire/read-to-end.ts';
import type { KafkaRecord } from '../../../common/kafka/wire/record-batch.ts';
import type { Rewound } from '../broker.ts';
import type { GroupOnTopic } from './original.ts';
import { inTransaction } from './transaction.ts';

const MOVE_DEADLINE_MS = 20_000;
const LOOK_AGAIN_MS = 100;

/** What lies behind `ends` is no copy: return-own.ts. */
type Reader = GroupOnTopic & { partitions: readonly number[]; ends?: Offsets };

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
  const { readers, ends } = await readersOf(cluster, queue, original.group);
  const begins = new Map((queue.start ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
  const partitions = (await cluster.describeTopic(original.topic)).partitions.map(({ partition }) => partition);
  const fallbackEnd = [...ends].map(([partition, offset]) => ({ partition, offset: String(offset) }));
  const target: Offsets = new Map();
  let missing = 0;
  for (const partition of partitions) {
    const unread = await fingerprintsOfUnread(cluster, readers, partition);
    if (unread.size === 0) continue;
    const first = await find(cluster, original.topic, partition, begins.get(partition) ?? 0n, unread);
    if (first !== undefined) target.set(partition, first);
    missing += unread.size;
  }
  if (onlyWhole && missing > 0) return { moved: [], missing, fallbackEnd };
  const now = await stableOffsets(cluster, original.group, original.topic, partitions);
  for (const [partition, offset] of target) {
    if ((now.get(partition) ?? 0n) <= offset) target.delete(partition);
  }
  if (target.size > 0) await moveGroup(cluster, `${queue.transactionalIdPrefix}-rewind`, original, target);
  const moved = [...target].map(([partition, offset]) => ({ partition, offset: String(offset) }));
  return { moved, missing, fallbackEnd };
}

/** Who had to read the temporary topics that are there, and where the fallback ends now. */
async function readersOf(
  cluster: Cluster,
  { fallback, routes }: SplitQueue,
  group: string,
): Promise<{ readers: Reader[]; ends: Offsets }> {
  const groups = new Map([
    [fallback.name, group],
    ...routes.map(({ destination }) => [destination.name, destination.group ?? group] as const),
  ]);
  const topics = await presentTopics(cluster, [...groups.keys()]);
  const numbersOf = (topic: string) => (topics.get(topic)?.partitions ?? []).map(({ partition }) => partition);
  const ends = await logOffsets(cluster, fallback.name, numbersOf(fallback.name), 'latest');
  const readers = [...groups].map(([topic, reader]) => ({
    topic,
    group: reader,
    partitions: numbersOf(topic),
    ...(topic === fallback.name ? { ends } : {}),
  }));
  return { readers, ends };
}

/**
 * A member that reads the original, of a target that was made anew for example, goes on from where it is and commits that over ours. It is
 * evicted with all others: an empty group takes a commit as it is, and whoever joins afterwards begins there.
 */
async function moveGroup(
  cluster: Cluster,
  transactionalId: string,
  original: GroupOnTopic,
  offsets: Offsets,
): Promise<void> {
  const { group, topic } = original;
  const deadline = cluster.clock.monotonic() + MOVE_DEADLINE_MS;
  while (!(await commitWithoutMembers(cluster, group, topic, offsets))) {
    await inTransaction(cluster, transactionalId, (producer) => producer.commitOffsets(group, topic, offsets));
    const { members, settled } = await describeGroup(cluster, group);
    const isRead = members.some((member) => readsTopic(member, topic));
    // While it rebalances nobody knows what its members subscribe to.
    if (settled && !isRead) return;
    if (cluster.clock.monotonic() > deadline) throw notMoved(original);
    if (isRead) await evictMembers(cluster, group, members);
    else await pause(cluster.clock, LOOK_AGAIN_MS);
  }
}

function notMoved({ group, topic }: GroupOnTopic): SplitterError {
  return new SplitterError(
    'GroupUnsettled',
    `group ${group} cannot go back on topic ${topic} while its members read on; scale its consumers down to none for a moment`,
    { retryable: true },
  );
}

async function fingerprintsOfUnread(
  cluster: Cluster,
  readers: readonly Reader[],
  partition: number,
): Promise<Set<string>> {
  const unread = new Set<string>();
  for (const { topic, group, partitions, ends } of readers) {
    if (!partitions.includes(partition)) continue;
    const committed = await stableOffsets(cluster, group, topic, [partition]);
    const position = await untilNow(cluster, topic, partition, committed.get(partition) ?? 0n);
    for await (const { records } of readToEnd(cluster, position)) {
      const end = ends?.get(partition);
      const copies = records.filter(({ offset }) => end === undefined || offset < end);
      for (const record of copies) unread.add(fingerprint(record));
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
