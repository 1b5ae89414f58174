// Who is in a consumer group and what they read, for both group protocols; eviction of members that are gone.
// The type of a group is asked for each time: it can change while a split lives (online migration to KIP-848).
import {
  type Connection,
  consumerGroupDescribeV0,
  deleteGroupsV2,
  describeGroupsV5,
  leaveGroupV5,
  listGroupsV5,
} from '@platformatic/kafka';
import { RE2JS } from 're2js';
import { SplitterError } from '../../errors.ts';
import { call } from './call.ts';
import type { Cluster } from './cluster.ts';
import { errorName, throwIfError } from './errors.ts';
import { subscribedTopics } from './subscription.ts';

export type GroupMember = {
  memberId: string;
  instanceId: string | null;
  clientId: string;
  /** IP address as the broker sees it. */
  host: string;
  topics: string[];
  /** RE2 pattern that whole topic names are matched with (KIP-848 only). */
  pattern: string | null;
  /** Topics that it has partitions of; empty for classic members, whose assignment proves nothing (kafka-notes C2). */
  assigned: string[];
};

export type Group = {
  /** `missing`: neither protocol knows it. */
  kind: 'classic' | 'consumer' | 'missing';
  state: string;
  /** Classic: the chosen assignor; Kafka Streams has its own. */
  assignor: string;
  /** What we see is what is: no rebalance is going on. */
  settled: boolean;
  members: GroupMember[];
};

const CONSUMER_GROUP_DESCRIBE = 69;
const LIST_GROUPS = 16;
/** KIP-848. */
const TYPES_LISTED_SINCE = 5;
const LEFT_STATIC_MEMBER = -2;
/** For a member whose subscription cannot be read: it may read anything. */
const ANY_TOPIC = '.*';
const MISSING: Group = { kind: 'missing', state: 'Dead', assignor: '', settled: true, members: [] };

export async function describeGroup(cluster: Cluster, group: string): Promise<Group> {
  const isConsumerProtocolKnown = (await cluster.maxVersion(CONSUMER_GROUP_DESCRIBE)) !== undefined;
  return cluster.withCoordinator('GROUP', group, async (connection) => {
    const consumer = isConsumerProtocolKnown ? await describeConsumerGroup(connection, group) : undefined;
    return consumer ?? describeClassicGroup(connection, group);
  });
}

async function describeConsumerGroup(connection: Connection, group: string): Promise<Group | undefined> {
  const found = (await call(connection, consumerGroupDescribeV0.api, [group], false)).groups[0];
  if (found === undefined || errorName(found.errorCode) === 'GROUP_ID_NOT_FOUND') return undefined;
  throwIfError(found.errorCode, `description of group ${group}`, found.errorMessage);
  const present = found.members.filter((member) => member.memberEpoch !== LEFT_STATIC_MEMBER);
  return {
    kind: 'consumer',
    state: found.groupState,
    assignor: found.assignorName,
    settled:
      (found.groupState === 'Stable' || found.groupState === 'Empty') &&
      present.every((member) => member.memberEpoch === found.groupEpoch),
    members: found.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId ?? null,
      clientId: member.clientId,
      host: addressOf(member.clientHost),
      topics: member.subscribedTopicNames,
      pattern: member.subscribedTopicRegex || null,
      assigned: [...member.assignment.topicPartitions, ...member.targetAssignment.topicPartitions].map(
        ({ topicName }) => topicName,
      ),
    })),
  };
}

async function describeClassicGroup(connection: Connection, group: string): Promise<Group> {
  const found = (await call(connection, describeGroupsV5.api, [group], false)).groups[0];
  const error = errorName(found?.errorCode ?? 0);
  if (found === undefined || error === 'GROUP_ID_NOT_FOUND' || found.groupState === 'Dead') return MISSING;
  throwIfError(found.errorCode, `description of group ${group}`);
  return {
    kind: 'classic',
    state: found.groupState,
    assignor: found.protocolData,
    settled: found.groupState === 'Stable' || found.groupState === 'Empty',
    members: found.members.map((member) => {
      const topics = subscribedTopics(Buffer.from(member.memberMetadata));
      return {
        memberId: member.memberId,
        instanceId: member.groupInstanceId ?? null,
        clientId: member.clientId,
        host: addressOf(member.clientHost),
        topics: topics ?? [],
        pattern: topics === undefined ? ANY_TOPIC : null,
        assigned: [],
      };
    }),
  };
}

/** A pattern that cannot be understood counts as matching. */
export function readsTopic(member: GroupMember, topic: string): boolean {
  return member.topics.includes(topic) || member.assigned.includes(topic) || matchesPattern(member.pattern, topic);
}

function matchesPattern(pattern: string | null, topic: string): boolean {
  if (pattern === null) return false;
  try {
    return RE2JS.compile(pattern).matches(topic);
  } catch {
    return true;
  }
}

/**
 * Type as the group's coordinator lists it: `classic`, `consumer`, `share`, `streams`; undefined when there is no such group, and for brokers
 * before Kafka 3.8, which have only one type.
 */
export async function groupType(cluster: Cluster, group: string): Promise<string | undefined> {
  if (((await cluster.maxVersion(LIST_GROUPS)) ?? 0) < TYPES_LISTED_SINCE) return undefined;
  return cluster.withCoordinator('GROUP', group, async (connection) => {
    const response = await call(connection, listGroupsV5.api, [], []);
    throwIfError(response.errorCode, 'list of groups');
    return response.groups.find(({ groupId }) => groupId === group)?.groupType.toLowerCase();
  });
}

/** A member that is alive joins again: eviction clears the dead, it is no fence. */
export function evictMembers(cluster: Cluster, group: string, members: readonly GroupMember[]): Promise<void> {
  return cluster.withCoordinator('GROUP', group, async (connection) => {
    const leaving = members.map(({ memberId, instanceId }) => ({
      memberId,
      groupInstanceId: instanceId,
      reason: 'queue-splitter: its pod or session is gone',
    }));
    const response = await call(connection, leaveGroupV5.api, group, leaving);
    throwIfError(response.errorCode, `eviction from group ${group}`);
    for (const { errorCode } of response.members) {
      if (errorName(errorCode) !== 'UNKNOWN_MEMBER_ID') throwIfError(errorCode, `eviction from group ${group}`);
    }
  });
}

/** Already gone is success. @throws `GroupUnsettled` (retryable) while it has members. */
export function deleteGroup(cluster: Cluster, group: string): Promise<void> {
  return cluster.withCoordinator('GROUP', group, async (connection) => {
    const response = await call(connection, deleteGroupsV2.api, [group]);
    const code = response.results[0]?.errorCode ?? 0;
    if (errorName(code) === 'GROUP_ID_NOT_FOUND') return;
    if (errorName(code) === 'NON_EMPTY_GROUP') {
      throw new SplitterError('GroupUnsettled', `group ${group} still has members; waiting until they are gone`, {
        retryable: true,
      });
    }
    throwIfError(code, `deletion of group ${group}`);
  });
}

/** Brokers write `/10.0.0.7` or `host/10.0.0.7`. */
function addressOf(clientHost: string): string {
  return clientHost.slice(clientHost.lastIndexOf('/') + 1);
}
