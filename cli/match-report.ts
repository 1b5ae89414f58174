// What to say to somebody who waits for a message that does not come: how much was read, and which of the filter's names were seen. Pure.
import type { Filter } from '../api/kinds/common.ts';
import type { SplitSession } from '../api/kinds/split-session.ts';
import type { ForwarderQueueStatus, WorkloadSplit } from '../api/kinds/workload-split.ts';

export const MATCH_REPORT_MS = 30_000;

type Seen = NonNullable<ForwarderQueueStatus['seen']>[number];

/**
 * Lines for the queues of this session that nothing has matched so far; empty when every queue had a match, has a filter that is meant
 * to match nothing, or is not counted by the forwarder.
 */
export function matchReport(split: WorkloadSplit | undefined, session: SplitSession): string[] {
  const { uid } = session.metadata;
  return (split?.status?.forwarder?.queues ?? []).flatMap((status) => {
    const queue = split?.spec.queues.find(({ key }) => key === status.key);
    const filter = queue?.routes.find((route) => route.sessionUid === uid)?.filter;
    const seen = status.seen?.find((entry) => entry.sessionUid === uid);
    if (queue === undefined || filter === undefined || Object.keys(filter).length === 0) return [];
    if (seen === undefined || seen.matched > 0) return [];
    const read = `${seen.read} ${seen.read === 1 ? 'message' : 'messages'} read`;
    return [`${queue.id}: ${read}, none matched${seen.read === 0 ? '' : `; ${describeNames(filter, seen.names)}`}`];
  });
}

function describeNames(filter: Filter, names: Seen['names']): string {
  return Object.entries(filter)
    .map(([name, pattern]) => {
      const seen = names.find((entry) => entry.name.toLowerCase() === name.toLowerCase());
      if (seen === undefined || seen.messages === 0) return `none of them has the name ${name}`;
      const values = seen.distinct === 1 ? 'one value' : `${seen.distinct} different values`;
      return `${seen.messages} have the name ${name} (${values}; wanted: ${pattern})`;
    })
    .join(', ');
}
