// Kafka consumers that assign partitions themselves never show in their group, and one that keeps its offsets elsewhere never commits there:
// where they read can neither be seen nor moved (kafka-notes C17). A session for such a queue fails; so does one whose group is a wrong one.
import type { Observed, ObservedSession } from './observed.ts';
import { failAll, wanting } from './sessions.ts';
import { POLL_MS, type Step, wait } from './step.ts';

/** Ready pods may need a moment to join their group. */
const PATIENCE_MS = 30_000;

/** Queues that nobody subscribes to although pods are there to do so; those of a running split are read as its fallbacks. */
function unsubscribed({ pods, split }: Observed, { resolution }: ObservedSession) {
  if (resolution?.ok !== true || !pods.some(({ ready, terminating }) => ready && !terminating)) return [];
  const known = new Set(split?.spec.queues.map(({ key }) => key));
  return resolution.value.queues.filter(({ key, isSubscribed }) => isSubscribed === false && !known.has(key));
}

/** Nothing may be planned for this session yet. */
export function waitsForSubscription(observed: Observed, entry: ObservedSession): boolean {
  return unsubscribed(observed, entry).length > 0;
}

export function failUnsubscribed(observed: Observed): Step {
  for (const entry of wanting(observed)) {
    const [queue] = unsubscribed(observed, entry);
    if (queue === undefined) continue;
    const { id, original } = queue;
    const what = `a member of group ${original.group} that subscribes to topic ${original.name}`;
    if (entry.knownForMs < PATIENCE_MS) return wait(what, POLL_MS);
    return failAll([entry], {
      code: 'GroupUnsupported',
      retryable: false,
      message: `queue id ${id}: there are ready pods, but not ${what}. Either groupIdSources name another group than the application uses, or it assigns partitions itself or keeps its offsets elsewhere, and then it cannot be split`,
    });
  }
  return undefined;
}
