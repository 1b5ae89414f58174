// Temporary topics and groups go for good. A topic is deleted by its id; one of the same name that a reader brought back by auto
// creation after that is deleted too, for our names hold random digits and are used once (kafka-notes C13).
import { deleteTopicsV6 } from '@platformatic/kafka';
import type { LedgerEntry } from '../../../api/kinds/workload-split.ts';
import { call } from '../../../common/kafka/wire/call.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { errorName, throwIfError } from '../../../common/kafka/wire/errors.ts';
import { deleteGroup, describeGroup, evictMembers } from '../../../common/kafka/wire/groups.ts';
import { presentTopic } from '../../../common/kafka/wire/presence.ts';

const REQUEST_TIMEOUT_MS = 15_000;
const ALREADY_GONE = ['UNKNOWN_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION'];

export async function removeTopic(cluster: Cluster, entry: LedgerEntry): Promise<void> {
  const found = await presentTopic(cluster, entry.name);
  const ids = new Set([entry.topicId, found?.topicId].filter((id) => id !== undefined));
  for (const topicId of ids) {
    const response = await call(
      await cluster.controller(),
      deleteTopicsV6.api,
      [{ name: null, topicId }],
      REQUEST_TIMEOUT_MS,
    );
    const result = response.responses[0];
    const code = result?.errorCode ?? 0;
    if (!ALREADY_GONE.includes(errorName(code)))
      throwIfError(code, `deletion of topic ${entry.name}`, result?.errorMessage);
  }
  cluster.forgetTopic(entry.name);
}

/** Only a session's own group: its members are a process that has lost its session. */
export async function removeGroup(cluster: Cluster, group: string): Promise<void> {
  const { members } = await describeGroup(cluster, group);
  if (members.length > 0) await evictMembers(cluster, group, members);
  await deleteGroup(cluster, group);
}
