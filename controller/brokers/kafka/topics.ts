// Temporary topics: made like the original where consumers could notice, and with no retention at all (kafka-notes C8).
import { createPartitionsV3, createTopicsV7 } from '@platformatic/kafka';
import type { LedgerEntry } from '../../../api/kinds/workload-split.ts';
import { pause } from '../../../common/clock.ts';
import { SplitterError } from '../../../common/errors.ts';
import { call } from '../../../common/kafka/wire/call.ts';
import type { Cluster, PartitionInfo, TopicInfo } from '../../../common/kafka/wire/cluster.ts';
import { topicConfigs } from '../../../common/kafka/wire/configs.ts';
import { throwIfError } from '../../../common/kafka/wire/errors.ts';
import { logOffsets } from '../../../common/kafka/wire/offsets.ts';
import { isTaken, notKnownYet } from '../../../common/kafka/wire/presence.ts';

const FOREVER = '-1';
const ANY_TIME = '9223372036854775807';

/** Only those that the broker knows are set: names changed between Kafka versions. */
const FIXED_CONFIGS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': FOREVER,
  'retention.bytes': FOREVER,
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': ANY_TIME,
  'message.timestamp.after.max.ms': ANY_TIME,
  'message.timestamp.difference.max.ms': ANY_TIME,
  'compression.type': 'producer',
};

/** The whole list of what is taken over; vendors have settings that must not be cloned. */
const CLONED_CONFIGS = ['max.message.bytes', 'min.insync.replicas'];

const REQUEST_TIMEOUT_MS = 15_000;
const READY_DEADLINE_MS = 15_000;

/** Also repairs: a topic that a crash left behind is taken over, one with fewer partitions than the original grows. */
export async function createTopic(cluster: Cluster, entry: LedgerEntry, originalName: string): Promise<TopicInfo> {
  const original = await cluster.describeTopic(originalName);
  const configs = await configsFor(cluster, originalName);
  const existing = (await cluster.describeTopics([entry.name])).get(entry.name);
  if (existing === undefined) await requestTopic(cluster, entry.name, original, configs);
  else await proveOurs(cluster, entry, existing, configs);
  const count = original.partitions.length;
  if (existing !== undefined && existing.partitions.length < count) await grow(cluster, entry.name, count);
  return whenReady(cluster, entry.name, count);
}

/** Undefined when the topic is gone: a name is used once, so it is never made here. */
export async function growTopic(
  cluster: Cluster,
  { name, topicId }: LedgerEntry,
  originalName: string,
): Promise<TopicInfo | undefined> {
  const topics = await cluster.describeTopics([name, originalName]);
  const existing = topics.get(name);
  if (existing === undefined) return undefined;
  if (topicId !== undefined && topicId !== existing.topicId)
    throw foreign(name, 'it was deleted and made again by somebody else');
  const count = topics.get(originalName)?.partitions.length ?? 0;
  if (existing.partitions.length < count) await grow(cluster, name, count);
  return whenReady(cluster, name, count);
}

export async function outgrown(cluster: Cluster, originalName: string, names: readonly string[]): Promise<string[]> {
  const topics = await cluster.describeTopics([originalName, ...names]);
  const count = topics.get(originalName)?.partitions.length ?? 0;
  return names.filter((name) => (topics.get(name)?.partitions.length ?? count) < count);
}

async function configsFor(cluster: Cluster, original: string): Promise<Map<string, string>> {
  const known = await topicConfigs(cluster, original);
  const configs = new Map(Object.entries(FIXED_CONFIGS).filter(([name]) => known.has(name)));
  for (const name of CLONED_CONFIGS) {
    const value = known.get(name);
    if (value !== undefined) configs.set(name, value);
  }
  return configs;
}

async function requestTopic(
  cluster: Cluster,
  name: string,
  original: TopicInfo,
  configs: ReadonlyMap<string, string>,
): Promise<void> {
  const topic = {
    name,
    numPartitions: original.partitions.length,
    replicationFactor: original.partitions[0]?.replicas ?? 1,
    assignments: [],
    configs: [...configs].map(([key, value]) => ({ name: key, value })),
  };
  const response = await call(await cluster.controller(), createTopicsV7.api, [topic], REQUEST_TIMEOUT_MS, false);
  const result = response.topics[0];
  // Another controller of ours may have been quicker, or we were and did not hear the answer; whether the topic is ours is asked next time.
  if (isTaken(result?.errorCode ?? 0)) throw notKnownYet(name);
  throwIfError(result?.errorCode ?? 0, `creation of topic ${name}`, result?.errorMessage);
}

/** Kafka topics carry no owner: what proves ours is the ledger's id, or, before the id was noted, our settings on an empty topic. */
async function proveOurs(
  cluster: Cluster,
  entry: LedgerEntry,
  existing: TopicInfo,
  configs: ReadonlyMap<string, string>,
): Promise<void> {
  if (entry.topicId !== undefined) {
    if (entry.topicId !== existing.topicId) throw foreign(entry.name, 'it was deleted and made again by somebody else');
    return;
  }
  const actual = await topicConfigs(cluster, entry.name);
  if ([...configs].some(([name, value]) => actual.get(name) !== value))
    throw foreign(entry.name, 'its settings are not ours');
  const ends = await logOffsets(cluster, entry.name, numbersOf(existing), 'latest');
  if ([...ends.values()].some((end) => end > 0n)) throw foreign(entry.name, 'it holds records');
}

function foreign(topic: string, why: string): SplitterError {
  return new SplitterError('ForeignQueue', `topic ${topic} exists and is not ours: ${why}; it is never written to`);
}

async function grow(cluster: Cluster, topic: string, count: number): Promise<void> {
  const wanted = [{ name: topic, count, assignments: null }];
  const response = await call(await cluster.controller(), createPartitionsV3.api, wanted, REQUEST_TIMEOUT_MS, false);
  const result = response.results[0];
  throwIfError(result?.errorCode ?? 0, `new partitions of topic ${topic}`, result?.errorMessage);
}

/** Creation returns before every broker knows the topic, and leaders are known before they feel responsible. */
async function whenReady(cluster: Cluster, topic: string, count: number): Promise<TopicInfo> {
  const deadline = cluster.clock.monotonic() + READY_DEADLINE_MS;
  for (let delayMs = 10; ; delayMs = Math.min(delayMs * 2, 500)) {
    const info = (await cluster.describeTopics([topic])).get(topic);
    const hasLeaders = info !== undefined && info.partitions.length >= count && info.partitions.every(isLed);
    if (hasLeaders) {
      await logOffsets(cluster, topic, numbersOf(info), 'latest');
      return info;
    }
    if (cluster.clock.monotonic() > deadline) {
      throw new SplitterError('BrokerUnreachable', `topic ${topic} was created, but some partition has no leader`, {
        retryable: true,
      });
    }
    await pause(cluster.clock, delayMs);
  }
}

function isLed({ leader }: PartitionInfo): boolean {
  return leader >= 0;
}

function numbersOf({ partitions }: TopicInfo): number[] {
  return partitions.map(({ partition }) => partition);
}
