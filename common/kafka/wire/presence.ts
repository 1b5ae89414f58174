// Whether temporary topics are there. Brokers learn of a new topic one after another, and one that hangs behind does not know it: that alone
// never means that it is gone, or not made yet. Makes nothing.
import { createTopicsV7 } from '@platformatic/kafka';
import { SplitterError } from '../../errors.ts';
import { call } from './call.ts';
import type { Cluster, TopicInfo } from './cluster.ts';
import { errorName, throwIfError } from './errors.ts';

const REQUEST_TIMEOUT_MS = 15_000;

/** Answers to the question whether a topic could be made that say that there is none. */
const ABSENT = ['NONE', 'POLICY_VIOLATION', 'INVALID_REPLICATION_FACTOR'];

/** As `Cluster.describeTopics`; rejects (retryable) when the broker that answered does not know one that is there. */
export async function presentTopics(cluster: Cluster, names: readonly string[]): Promise<Map<string, TopicInfo>> {
  const found = await cluster.describeTopics(names);
  for (const name of names) if (!found.has(name)) await proveAbsent(cluster, name);
  return found;
}

/** `presentTopics` for one. */
export async function presentTopic(cluster: Cluster, name: string): Promise<TopicInfo | undefined> {
  return (await presentTopics(cluster, [name])).get(name);
}

/** The cluster's controller knows every topic, and says so when it is asked to look whether one of that name could be made. */
async function proveAbsent(cluster: Cluster, name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const response = await call(await cluster.controller(), createTopicsV7.api, [topic], REQUEST_TIMEOUT_MS, true);
  const { errorCode = 0, errorMessage } = response.topics[0] ?? {};
  if (isTaken(errorCode)) throw notKnownYet(name);
  if (!ABSENT.includes(errorName(errorCode))) throwIfError(errorCode, `look for topic ${name}`, errorMessage);
}

export function isTaken(errorCode: number): boolean {
  return errorName(errorCode) === 'TOPIC_ALREADY_EXISTS';
}

export function notKnownYet(topic: string): SplitterError {
  return new SplitterError(
    'BrokerUnreachable',
    `topic ${topic} exists, but a broker does not know it yet; asking again`,
    {
      retryable: true,
    },
  );
}
