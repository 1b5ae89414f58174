// Temporary topics and groups of a split that is gone. A topic carries no owner: only what the split's memory names is looked at. Unread
// records are given back by moving the application's group back, which needs a group without members; until then the topics are kept.
import type { LedgerEntry, Route, SplitQueue } from '../../../api/kinds/workload-split.ts';
import { toSplitterError } from '../../../common/errors.ts';
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { describeGroup } from '../../../common/kafka/wire/groups.ts';
import { presentTopics } from '../../../common/kafka/wire/presence.ts';
import type { Remains } from '../collector.ts';
import { type GroupOnTopic, originalOf } from './original.ts';
import { removeGroup, removeTopic } from './removal.ts';
import { fenceProducers, remainingRecords, takeProducers } from './restore.ts';
import { rewind } from './rewind.ts';

export async function collectTopics(
  clusterOf: () => Promise<Cluster>,
  remains: Remains,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const why = await collect(await clusterOf(), remains);
    return why === undefined ? [] : [why];
  } catch (error) {
    signal.throwIfAborted();
    return [
      `topics of a split of ${remains.queue.original.name} that is gone are kept: ${toSplitterError(error).message}`,
    ];
  }
}

async function collect(cluster: Cluster, remains: Remains): Promise<string | undefined> {
  const { entries } = remains;
  const topics = entries.filter((entry) => entry.kind === 'KafkaTopic');
  const there = await presentTopics(
    cluster,
    topics.map(({ name }) => name),
  );
  if (there.size > 0) {
    const why = await giveBack(cluster, remains, new Set(there.keys()));
    if (why !== undefined) return why;
  }
  for (const entry of topics) await removeTopic(cluster, entry);
  for (const { kind, name } of entries) if (kind === 'KafkaGroup') await removeGroup(cluster, name);
  return undefined;
}

/** Resolves to why it is not possible now. */
async function giveBack(
  cluster: Cluster,
  { queue, entries, isSplitAgain }: Remains,
  there: ReadonlySet<string>,
): Promise<string | undefined> {
  const original = originalOf(queue);
  // Where the group is on an original that is split again is the matter of that split.
  await (isSplitAgain ? takeProducers(cluster, queue) : fenceProducers(cluster, queue, original));
  const unread: string[] = [];
  for (const { topic, group } of readersOf(entries, original)) {
    if (!there.has(topic)) continue;
    const records = await remainingRecords(cluster, topic, group);
    if (records > 0) unread.push(`${records} unread records in ${topic}`);
  }
  if (unread.length === 0) return undefined;
  const told = `a split of topic ${original.topic} is gone, and its topics are kept with ${unread.join(', ')}`;
  if (isSplitAgain) return `${told}; they are given back when the split that there is now has ended`;
  if (queue.start === undefined) return `${told}; where it began is not known. Copy them and delete the topics`;
  const { members } = await describeGroup(cluster, original.group);
  if (members.length > 0) {
    return `${told}; scale the consumers of group ${original.group} down to none for a moment, and the group goes back to the first of them`;
  }
  const { missing } = await rewind(cluster, { ...queue, routes: routesOf(entries) }, original, { onlyWhole: true });
  if (missing === 0) return undefined;
  return `${told}; ${missing} of them are in the original no more (retention or compaction). Copy them and delete the topics`;
}

function readersOf(entries: readonly LedgerEntry[], original: GroupOnTopic): GroupOnTopic[] {
  return entries
    .filter(({ kind }) => kind === 'KafkaTopic')
    .map((entry) => ({ topic: entry.name, group: groupOf(entries, entry) ?? original.group }));
}

function routesOf(entries: readonly LedgerEntry[]): SplitQueue['routes'] {
  return entries
    .filter(({ kind, role }) => kind === 'KafkaTopic' && role === 'session')
    .map((entry): Route => {
      const group = groupOf(entries, entry);
      return {
        session: entry.session ?? '',
        sessionUid: '',
        filter: {},
        mode: 'steal',
        destination: { name: entry.name, ...(group === undefined ? {} : { group }) },
        startedAt: '',
        ending: true,
      };
    });
}

/** The temporary group that reads a session's topic. */
function groupOf(entries: readonly LedgerEntry[], { role, session }: LedgerEntry): string | undefined {
  if (role !== 'session') return undefined;
  return entries.find((entry) => entry.kind === 'KafkaGroup' && entry.session === session)?.name;
}
