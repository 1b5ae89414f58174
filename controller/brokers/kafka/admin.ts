// BrokerAdmin for Kafka: what the controller may do with topics and groups. Data never flows through here.
// The rules behind it were found on a real broker: kafka-notes C1–C17, named where they apply.
import type { BrokerConnection, SplitQueue } from '../../../api/kinds/workload-split.ts';
import type { Clock } from '../../../common/clock.ts';
import { Clusters, type ResolveProperties } from '../../../common/kafka/clusters.ts';
import type { Cluster, PartitionInfo } from '../../../common/kafka/wire/cluster.ts';
import type { BrokerAdmin, CreateRequest } from '../broker.ts';
import type { Collector } from '../collector.ts';
import { describeOriginal, originalOf } from './original.ts';
import { collectTopics } from './orphans.ts';
import { commitBeginning } from './pre-commit.ts';
import { removeGroup, removeTopic } from './removal.ts';
import { fenceProducers, remainingRecords } from './restore.ts';
import { returnOwn } from './return-own.ts';
import { rewind } from './rewind.ts';
import { settleGroup } from './settle.ts';
import { startOffsets } from './start-offsets.ts';
import { createTopic, growTopic, outgrown } from './topics.ts';

export type KafkaAdmin = BrokerAdmin & { collect: Collector; close(): Promise<void> };

export function createKafkaAdmin(resolveProperties: ResolveProperties, clock?: Clock): KafkaAdmin {
  const clusters = new Clusters(resolveProperties, clock);
  const of = (connection: BrokerConnection): Promise<Cluster> => clusters.get(connection);
  /** By transactional id prefix, which no other queue of any split has. */
  const evicted = new Map<string, Set<string>>();
  const evictedFor = ({ transactionalIdPrefix = '' }: SplitQueue): Set<string> => {
    const addresses = evicted.get(transactionalIdPrefix) ?? new Set<string>();
    evicted.set(transactionalIdPrefix, addresses);
    return addresses;
  };
  return {
    describeOriginal: async (value, connection, group) => describeOriginal(await of(connection), value, group),
    create: async (request) => create(await of(request.connection), request),
    startOffsets: async (queue) => startOffsets(await of(queue.connection), originalOf(queue)),
    settle: async (queue, goneAddresses) =>
      settleGroup(await of(queue.connection), originalOf(queue), goneAddresses, evictedFor(queue)),
    fence: async (queue) => fenceProducers(await of(queue.connection), queue, originalOf(queue)),
    rewind: async (queue) => rewind(await of(queue.connection), queue, originalOf(queue)),
    returnOwn: async (queue) => returnOwn(await of(queue.connection), queue, originalOf(queue)),
    grow: async (request) => grow(await of(request.connection), request),
    outgrown: async (queue, names) => outgrown(await of(queue.connection), queue.original.name, names),
    remaining: async (queue) =>
      remainingRecords(await of(queue.connection), queue.fallback.name, originalOf(queue).group),
    delete: async (entry, connection) => {
      if (entry.kind === 'KafkaTopic') await removeTopic(await of(connection), entry);
      if (entry.kind === 'KafkaGroup' && entry.role === 'session') await removeGroup(await of(connection), entry.name);
    },
    collect: (remains, signal) => collectTopics(() => of(remains.queue.connection), remains, signal),
    close: () => clusters.close(),
  };
}

/** Nothing can be written before the reader's offset 0 is visible: the topic's name is not known to anybody until this returns (C11). */
async function create(cluster: Cluster, { entry, original, group }: CreateRequest): Promise<{ topicId?: string }> {
  if (entry.kind !== 'KafkaTopic') return {};
  const { topicId, partitions } = await createTopic(cluster, entry, original.name);
  await commitFor(cluster, group, entry.name, partitions);
  return { topicId };
}

async function grow(cluster: Cluster, { entry, original, group }: CreateRequest): Promise<void> {
  if (entry.kind !== 'KafkaTopic') return;
  const topic = await growTopic(cluster, entry, original.name);
  if (topic !== undefined) await commitFor(cluster, group, entry.name, topic.partitions);
}

async function commitFor(
  cluster: Cluster,
  group: string | undefined,
  topic: string,
  partitions: readonly PartitionInfo[],
): Promise<void> {
  if (group === undefined) return;
  const numbers = partitions.map(({ partition }) => partition);
  await commitBeginning(cluster, group, topic, numbers);
}
