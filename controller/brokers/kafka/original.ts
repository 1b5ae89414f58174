// What a Kafka original is, and which ones are refused with a reason (kafka-notes C17).
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { describeGroup, type Group, groupType, readsTopic } from '../../../common/kafka/wire/groups.ts';
import type { Original } from '../broker.ts';

/** API key → the version that the data path needs; all of them are in Apache Kafka 3.1. */
const NEEDED = [
  { api: 'Fetch', key: 1, version: 13 },
  { api: 'OffsetFetch', key: 9, version: 8 },
] as const;

/** Kafka Streams writes this as its protocol's name. */
const STREAMS_ASSIGNOR = 'stream';

/** @throws `QueueNotFound`, `GroupUnsupported`, `InvalidConfig`, `PermissionDenied` */
export async function describeOriginal(cluster: Cluster, topic: string, group: string | undefined): Promise<Original> {
  if (group === undefined || group === '') {
    throw new SplitterError(
      'InvalidConfig',
      `topic ${topic}: the consumer group is not known; add groupIdSources to the queue`,
    );
  }
  const { topicId } = await cluster.describeTopic(topic);
  await refuseOldBrokers(cluster);
  const readers = await consumersOf(cluster, group);
  return {
    location: { name: topic, topicId, group },
    identity: `kafka/${await cluster.clusterId()}/${topic}/${group}`,
    isSubscribed: readers.settled ? readers.members.some((member) => readsTopic(member, topic)) : undefined,
  };
}

async function refuseOldBrokers(cluster: Cluster): Promise<void> {
  for (const { api, key, version } of NEEDED) {
    if (((await cluster.maxVersion(key)) ?? -1) < version) {
      throw new SplitterError(
        'UnsupportedQueueKind',
        `the brokers do not know ${api} v${version}; Apache Kafka 3.1 or newer is needed`,
      );
    }
  }
}

/** @throws `GroupUnsupported` where it is no group of plain consumers. */
async function consumersOf(cluster: Cluster, group: string): Promise<Group> {
  const type = await groupType(cluster, group);
  if (type === 'share') {
    throw new SplitterError('GroupUnsupported', `group ${group} is a share group; only consumer groups can be split`);
  }
  const found = await describeGroup(cluster, group);
  if (type === 'streams' || found.assignor === STREAMS_ASSIGNOR) {
    throw new SplitterError(
      'GroupUnsupported',
      `group ${group} belongs to a Kafka Streams application, whose topology depends on topic names; it cannot be split`,
    );
  }
  return found;
}

/** Topic and group that the application reads with. */
export type GroupOnTopic = { topic: string; group: string };

export function originalOf({ id, original }: SplitQueue): GroupOnTopic {
  if (original.group === undefined) {
    throw new SplitterError(
      'InvalidConfig',
      `queue ${id}: the consumer group of topic ${original.name} is not known; add groupIdSources`,
    );
  }
  return { topic: original.name, group: original.group };
}
