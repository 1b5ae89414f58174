/**
 * Snapshots of the world before and after, for "nothing left behind": flat maps from a path to a value, so that every difference has
 * a name that an allow list can point at. Reads only. What is left out is left out here, with the reason, and nowhere else.
 */
import {
  GetQueueAttributesCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Admin } from 'kafkajs';

/** `sqs/orders/VisibilityTimeout` → `30`. */
export type Snapshot = Readonly<Record<string, string>>;
export type Difference = {
  readonly path: string;
  /** Undefined: it was not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
};
export type Allowance = { readonly path: RegExp; readonly because: string };
export type SnapshotDiff = {
  /** Differences that no allowance covers: must be empty. */
  readonly differences: readonly Difference[];
  readonly allowed: readonly Difference[];
  /** Allowances that covered nothing: the list should shrink. */
  readonly unused: readonly Allowance[];
};

export function diffSnapshots(before: Snapshot, after: Snapshot, allowances: readonly Allowance[]): SnapshotDiff {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const all = paths
    .map((path) => ({ path, before: before[path], after: after[path] }))
    .filter((difference) => difference.before !== difference.after);
  const covers = (allowance: Allowance, { path }: Difference) => allowance.path.test(path);
  const isAllowed = (difference: Difference) => allowances.some((allowance) => covers(allowance, difference));
  return {
    differences: all.filter((difference) => !isAllowed(difference)),
    allowed: all.filter(isAllowed),
    unused: allowances.filter((allowance) => !all.some((difference) => covers(allowance, difference))),
  };
}

const SHOWN = 160;

/** A value, or the part of a long one that begins shortly before `from`. */
function shorten(value: string, from: number): string {
  const start = value.length > SHOWN ? Math.max(0, from - 20) : 0;
  const part = value.slice(start, start + SHOWN);
  return `${start > 0 ? '…' : ''}${part}${start + SHOWN < value.length ? '…' : ''}`;
}

function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

/** One line for each difference; of long values the part where they differ. */
export function describeDifferences(differences: readonly Difference[]): string {
  return differences
    .map(({ path, before, after }) => {
      if (before === undefined) return `+ ${path} = ${shorten(after ?? '', 0)}`;
      if (after === undefined) return `- ${path} = ${shorten(before, 0)}`;
      const from = firstDifference(before, after);
      return `~ ${path}: ${shorten(before, from)} → ${shorten(after, from)}`;
    })
    .join('\n');
}

/** Queues, all their attributes and tags. `CreatedTimestamp` stays in: a queue that was made anew is a difference. */
export async function snapshotSqs(client: SQSClient): Promise<Snapshot> {
  const snapshot: Record<string, string> = {};
  let token: string | undefined;
  do {
    const page = await client.send(new ListQueuesCommand({ MaxResults: 1000, ...(token ? { NextToken: token } : {}) }));
    for (const url of page.QueueUrls ?? []) {
      const name = url.slice(url.lastIndexOf('/') + 1);
      const { Attributes: attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
      );
      const { Tags: tags = {} } = await client.send(new ListQueueTagsCommand({ QueueUrl: url }));
      snapshot[`sqs/${name}`] = 'exists';
      for (const [attribute, value] of Object.entries(attributes)) snapshot[`sqs/${name}/${attribute}`] = value;
      for (const [tag, value] of Object.entries(tags)) snapshot[`sqs/${name}/tag/${tag}`] = value;
    }
    token = page.NextToken;
  } while (token !== undefined);
  return snapshot;
}

/** DescribeConfigs' number for a topic (KIP-133). */
const TOPIC_RESOURCE = 2;
/** DescribeConfigs' number for a setting of the topic itself, not of the broker or the cluster (KIP-226). */
const OWN_SETTING = 1;

/**
 * Topics with partition counts and the settings that are their own, groups, and for which partitions each group has offsets (not the
 * offsets: traffic moves them). kafkajs does not see topic ids, share groups and transactional ids.
 */
export async function snapshotKafka(admin: Admin): Promise<Snapshot> {
  const snapshot: Record<string, string> = {};
  const topics = await admin.listTopics();
  const { topics: metadata } = await admin.fetchTopicMetadata({ topics });
  for (const { name, partitions } of metadata) snapshot[`kafka/topic/${name}`] = `${partitions.length} partitions`;
  if (topics.length > 0) {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type: TOPIC_RESOURCE, name })),
    });
    for (const { resourceName, configEntries } of resources) {
      for (const entry of configEntries.filter(({ configSource }) => Number(configSource) === OWN_SETTING)) {
        snapshot[`kafka/topic/${resourceName}/config/${entry.configName}`] = entry.configValue;
      }
    }
  }
  const { groups } = await admin.listGroups();
  for (const { groupId, protocolType } of groups) {
    snapshot[`kafka/group/${groupId}`] = protocolType;
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId })) {
      const committed = partitions.filter(({ offset }) => Number(offset) >= 0).map(({ partition }) => partition);
      if (committed.length > 0) {
        snapshot[`kafka/group/${groupId}/offsets/${topic}`] = committed.sort((left, right) => left - right).join(',');
      }
    }
  }
  return snapshot;
}

export function mergeSnapshots(...snapshots: readonly Snapshot[]): Snapshot {
  return Object.assign({}, ...snapshots) as Snapshot;
}
