// Facts about a session that only the target's split knows: who else takes the same messages, and what is left to do at the end. Pure.
import type { SplitSession } from '../api/kinds/split-session.ts';
import type { Route, WorkloadSplit } from '../api/kinds/workload-split.ts';
import { formatDuration } from './duration.ts';
import { describeFilter } from './progress.ts';

/** One sentence per other session on one of our queues. Which messages match both filters, nobody can tell beforehand. */
export function overlapNotes(split: WorkloadSplit | undefined, session: SplitSession): string[] {
  return (split?.spec.queues ?? []).flatMap(({ id, routes }) => {
    const own = routes.find((route) => route.session === session.metadata.name);
    if (own === undefined || Object.keys(own.filter).length === 0) return [];
    return routes
      .filter((route) => route !== own && !route.ending && Object.keys(route.filter).length > 0)
      .map((other) => overlapNote(id, own, other));
  });
}

function overlapNote(id: string, own: Route, other: Route): string {
  const filter = describeFilter(other.filter);
  return startedBefore(other, own)
    ? `${id}: ${other.session} (${filter}) started earlier and gets the messages that match both filters`
    : `${id}: ${other.session} (${filter}) is there too; messages that match both filters come here`;
}

function startedBefore(one: Route, other: Route): boolean {
  return Date.parse(one.startedAt) < Date.parse(other.startedAt);
}

/** What goes on in the cluster after qsplit has returned. */
export function afterwards(split: WorkloadSplit | undefined, sessionName: string): string {
  const moving = 'what is left in its queues is moved to the deployed workload';
  if (split === undefined) return moving;
  const others = new Set(
    split.spec.queues.flatMap(({ routes }) =>
      routes.filter((route) => route.session !== sessionName && !route.ending).map((route) => route.session),
    ),
  );
  if (others.size > 0) return `${moving}; the split goes on for ${[...others].join(', ')}`;
  const { ttlSeconds } = split.spec.settings;
  const when = ttlSeconds > 0 ? `in ${formatDuration(ttlSeconds * 1000)}, unless a new session comes,` : 'then';
  return `${moving}; ${when} ${split.spec.target.name} is restored to its original queues`;
}
