// What a session's object says: is it ready, lost, out of the way? Pure.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { ERROR_CODES, type ErrorCode, SplitterError } from '../../common/errors.ts';
import { formatDuration } from '../duration.ts';
import type { SessionView } from './watch.ts';

export function isReady(session: SplitSession): boolean {
  return session.status?.phase === 'Ready';
}

/**
 * Why the session cannot be used any more, or undefined. `now` is when we learned it; the status may know better.
 * @param silentMs how long no heartbeat reached the API server, if it was longer than allowed.
 */
export function lossOf(view: SessionView, name: string, now: Date, silentMs?: number): SplitterError | undefined {
  if (view === undefined) {
    const why =
      silentMs === undefined
        ? 'it was deleted, by somebody or for want of a heartbeat'
        : `no heartbeat had reached the API server for ${formatDuration(silentMs)}, so the controller ended it`;
    return lost(
      `was lost at ${clockTime(now)}: ${why}`,
      name,
      now,
      silentMs === undefined ? undefined : 'HeartbeatExpired',
    );
  }
  const { phase, message, reason, endedAt } = view.status ?? {};
  const at = endedAt === undefined ? now : new Date(endedAt);
  if (phase === 'Failed') {
    const code = ERROR_CODES.find((known) => known === reason) ?? 'SessionLost';
    return lost(`failed at ${clockTime(at)}: ${message ?? 'the controller gave no reason'}`, name, at, code);
  }
  if (view.metadata.deletionTimestamp !== undefined) {
    const deletedAt = new Date(view.metadata.deletionTimestamp);
    return lost(`was lost at ${clockTime(deletedAt)}: somebody deleted it`, name, deletedAt);
  }
  if (phase === 'Ended' || phase === 'Ending') {
    return lost(`was lost at ${clockTime(at)}: ${message ?? 'the controller ended it'}`, name, at);
  }
  return undefined;
}

function lost(what: string, name: string, at: Date, code: ErrorCode = 'SessionLost'): SplitterError {
  return new SplitterError(code, `The session ${name} ${what}`, { details: { session: name, at: at.toISOString() } });
}

/** In the time zone of whoever reads it. */
export function clockTime(at: Date): string {
  return at.toTimeString().slice(0, 8);
}

/** True when no message goes to the session any more; moving what is left may go on. */
export function routeIsGone(view: SessionView): boolean {
  if (view === undefined || view.status?.phase === 'Ended') return true;
  return (view.status?.conditions ?? []).some(({ type, status }) => type === 'RouteRemoved' && status === 'True');
}
