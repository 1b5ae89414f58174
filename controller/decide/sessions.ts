// Which sessions still want messages, which have failed or expired, and when a session may go. Touches no queue.
import { FINALIZER } from '../../api/constants.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { Observed, ObservedSession, Problem } from './observed.ts';
import { hasTraceOf } from './spec.ts';
import { act, type Step } from './step.ts';

/** True while the session should have its messages; everything else about its end follows from this being false. */
export function wants(observed: Observed, { session, expired }: ObservedSession): boolean {
  const over = session.status?.phase === 'Failed' || session.status?.phase === 'Ended';
  return !over && !expired && session.metadata.deletionTimestamp === undefined && !observed.settings.uninstalling;
}

export function wanting(observed: Observed): ObservedSession[] {
  return observed.sessions.filter((entry) => wants(observed, entry));
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

/** A ledger entry that cannot be made fails the sessions that need it, and no others. */
export function failUncreatable(observed: Observed): Step {
  const spec = observed.split?.spec;
  if (!spec || observed.failures.size === 0) return undefined;
  const actions = wanting(observed).flatMap(({ session }) => {
    const mine = spec.resources.filter((entry) => entry.session === session.metadata.name);
    const keys = new Set(mine.map((entry) => entry.queue));
    const needed = spec.resources.filter(
      (entry) =>
        entry.state === 'Planned' && (mine.includes(entry) || (entry.role !== 'session' && keys.has(entry.queue))),
    );
    const problem = needed.map((entry) => observed.failures.get(entry.name)).find((found) => found && !found.retryable);
    return problem ? [{ type: 'FailSession' as const, session, problem }] : [];
  });
  return actions.length === 0 ? undefined : act(...actions);
}

/** The finalizer goes when neither route nor ledger speaks of the session any more. */
export function releaseSessions(observed: Observed): Step {
  const free = observed.sessions.filter(
    (entry) =>
      !wants(observed, entry) &&
      entry.session.metadata.finalizers?.includes(FINALIZER) === true &&
      !(observed.split && hasTraceOf(observed.split.spec, entry.session)),
  );
  if (free.length === 0) return undefined;
  return act(...free.map(({ session }) => ({ type: 'ReleaseSession' as const, session })));
}
