// Is anybody of the target still reading the original? (kafka-notes C2)
// Members of pods that are proven gone are evicted; a member that belongs to no pod of the target is named for people.
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { describeGroup, evictMembers, type GroupMember, readsTopic } from '../../../common/kafka/wire/groups.ts';
import { committedOffsets } from '../../../common/kafka/wire/offsets.ts';
import type { GroupOnTopic } from './original.ts';

/**
 * One observation: the caller wants it twice in a row.
 * @param evicted addresses whose members were evicted before, kept by the caller. Who is there again lives: it is another pod's address by now.
 */
export async function settleGroup(
  cluster: Cluster,
  { topic, group }: GroupOnTopic,
  goneAddresses: ReadonlySet<string>,
  evicted: Set<string>,
): Promise<{ settled: boolean; message: string }> {
  const { members, settled, state } = await describeGroup(cluster, group);
  const readers = members.filter((member) => readsTopic(member, topic));
  const gone = readers.filter(({ host }) => goneAddresses.has(host) && !evicted.has(host));
  if (gone.length > 0) {
    await evictMembers(cluster, group, gone);
    for (const { host } of gone) evicted.add(host);
    return { settled: false, message: `group ${group}: removed members of pods that are gone: ${names(gone)}` };
  }
  if (!settled) return { settled: false, message: `group ${group} is rebalancing (${state})` };
  if (readers.length > 0) {
    return { settled: false, message: `group ${group}: still read topic ${topic}: ${names(readers)}` };
  }
  const partitions = (await cluster.describeTopic(topic)).partitions.map(({ partition }) => partition);
  const { unstable } = await committedOffsets(cluster, group, topic, partitions);
  if (unstable.length > 0) {
    return {
      settled: false,
      message: `group ${group}: a transaction on partition ${unstable.join(', ')} is not finished`,
    };
  }
  const who = members.length === 0 ? `group ${group} has no members: nobody` : `no member of group ${group}`;
  return { settled: true, message: `${who} reads topic ${topic}` };
}

function names(members: readonly GroupMember[]): string {
  return members.map(({ clientId, host }) => `client ${clientId} at ${host}`).join(', ');
}
