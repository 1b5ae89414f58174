// Which sessions still want messages, which have failed or expired, and when a session may go. Touches no queue.
import { FINALIZER } from '../../api/constants.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import { isHopeless } from './failures.ts';
import type { Action, Failure, Observed, ObservedSession, Problem } from './observed.ts';
import { hasTraceOf, isCopy, isOpen } from './spec.ts';
import { act, type Step } from './step.ts';

/** True while the session should have its messages; everything else about its end follows from this being false. */
export function wants(observed: Observed, { session, expired }: ObservedSession): boolean {
  const over = session.status?.phase === 'Failed' || session.status?.phase === 'Ended';
  return !over && !expired && session.metadata.deletionTimestamp === undefined && !observed.settings.uninstalling;
}

export function wanting(observed: Observed): ObservedSession[] {
  return observed.sessions.filter((entry) => wants(observed, entry));
}

/** Sessions that keep the split going: none when there is no way back for it; those that come then wait for the next one. */
export function served(observed: Observed): ObservedSession[] {
  return observed.split && isOpen(observed.split) ? wanting(observed) : [];
}

export function failAll(sessions: readonly ObservedSession[], problem: Problem): Step {
  if (sessions.length === 0) return undefined;
  return act(...sessions.map(({ session }): Action => ({ type: 'FailSession', session, problem })));
}

/** True when the spec has a live route for every queue that the session was given. */
export function isRouted(observed: Observed, session: SplitSession): boolean {
  const routes = observed.split?.spec.queues.flatMap((queue) => queue.routes) ?? [];
  return routes.some((route) => route.sessionUid === session.metadata.uid && !route.ending);
}

/** Our finalizer comes before anything else exists for the session. */
export function guardSessions(observed: Observed): Step {
  const unguarded = wanting(observed).filter(({ session }) => !session.metadata.finalizers?.includes(FINALIZER));
  if (unguarded.length === 0 || observed.namespace.terminating) return undefined;
  return act(...unguarded.map(({ session }) => ({ type: 'AddSessionFinalizer' as const, session })));
}

export function endSessions(observed: Observed): Step {
  const overdue = observed.sessions.filter(
    ({ session, expired }) =>
      session.metadata.deletionTimestamp === undefined && (expired || observed.settings.uninstalling),
  );
  if (overdue.length === 0) return undefined;
  return act(
    ...overdue.map(({ session, expired }) => ({
      type: 'DeleteSession' as const,
      session,
      problem: expired ? heartbeatExpired(session) : UNINSTALLING,
    })),
  );
}

function heartbeatExpired(session: SplitSession): Problem {
  const seconds = session.spec.heartbeat?.timeoutSeconds;
  return {
    code: 'HeartbeatExpired',
    retryable: false,
    message: `no heartbeat for ${seconds} s: qsplit was killed, the machine slept, or it cannot reach the API server; start a new session`,
  };
}

const UNINSTALLING: Problem = {
  code: 'SessionLost',
  retryable: false,
  message: 'queue-splitter is being uninstalled from this cluster; the target goes back to its original queues',
};

/** Sessions that cannot be served at all fail with the sentence that says why. */
export function failUnresolvable(observed: Observed): Step {
  const failed = wanting(observed).flatMap(({ session, resolution }) =>
    resolution?.ok === false && !resolution.problem.retryable
      ? [{ type: 'FailSession' as const, session, problem: resolution.problem }]
      : [],
  );
  return failed.length === 0 ? undefined : act(...failed);
}

/** What cannot be made, or not in the time that a restart may take, fails the sessions that need it, and no others. */
export function failUncreatable(observed: Observed): Step {
  const { split, failures } = observed;
  if (!split || failures.size === 0) return undefined;
  const patience = split.spec.settings.restartTimeoutSeconds;
  const actions = wanting(observed).flatMap(({ session }): Action[] => {
    const failure = subjectsOf(split.spec, session.metadata.name)
      .flatMap((subject) => failures.get(subject) ?? [])
      .find((candidate) => isHopeless(candidate, patience));
    return failure ? [{ type: 'FailSession', session, problem: asProblem(failure, patience) }] : [];
  });
  return actions.length === 0 ? undefined : act(...actions);
}

/** Everything that must succeed before the session can be Ready, as failures name it. */
function subjectsOf(spec: WorkloadSplitSpec, session: string): string[] {
  const keys = new Set(spec.resources.flatMap((entry) => (entry.session === session ? [entry.queue] : [])));
  const planned = spec.resources.filter(
    (entry) =>
      entry.state === 'Planned' && (entry.role === 'session' ? entry.session === session : keys.has(entry.queue)),
  );
  return [...planned.map((entry) => entry.name), ...[...keys].map(startOffsetsOf)];
}

/** How `Observed.failures` names the attempt to record where partitions of this queue begin. */
export function startOffsetsOf(key: string): string {
  return `startOffsets ${key}`;
}

function asProblem({ code, message, retryable }: Failure, patienceSeconds: number): Problem {
  if (!retryable) return { code, message, retryable };
  return { code, retryable: false, message: `it did not work for ${patienceSeconds} s: ${message}` };
}

/** The finalizer goes when neither route nor ledger speaks of the session any more; what a copy says counts for nothing. */
export function releaseSessions(observed: Observed): Step {
  const { split, clusterUid } = observed;
  const spec = split && !isCopy(split, clusterUid) ? split.spec : undefined;
  const free = observed.sessions.filter(
    (entry) =>
      !wants(observed, entry) &&
      entry.session.metadata.finalizers?.includes(FINALIZER) === true &&
      !(spec && hasTraceOf(spec, entry.session)),
  );
  if (free.length === 0) return undefined;
  return act(...free.map(({ session }) => ({ type: 'ReleaseSession' as const, session })));
}
