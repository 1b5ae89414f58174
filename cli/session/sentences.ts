// What qsplit says of a session while it lives, and when it has ended. Only words: what is done about it is its caller's business.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { SplitterError } from '../../common/errors.ts';
import { formatDuration } from '../duration.ts';
import type { Entry, Reporter } from '../output.ts';
import { newSteps } from '../progress.ts';
import type { EndResult } from './live.ts';

/** @param took how long the end was waited for. */
export function ending(
  result: EndResult,
  name: string,
  took: string,
  next: { afterwards: string | undefined; heartbeatSeconds: number },
): Entry {
  const facts = { session: name, outcome: result.outcome };
  if (result.outcome === 'gone') {
    const message =
      next.afterwards === undefined
        ? `Session ${name} is gone; it had no queues yet`
        : `Session ${name} gets no messages any more (${took}); ${next.afterwards}`;
    return { event: 'ended', level: 'done', message, facts };
  }
  if (result.outcome === 'waiting') {
    const at = result.view?.status?.message ?? 'the controller has not answered yet';
    const message = `Session ${name} is ending; left after ${took} while: ${at}. See qsplit status`;
    return { event: 'ended', level: 'warning', message, facts };
  }
  const why = result.error?.message ?? 'unknown';
  const message = `Session ${name} could not be deleted (${why}); without heartbeat it ends by itself in ${next.heartbeatSeconds} s`;
  return { event: 'ended', level: 'warning', message, facts };
}

export function sessionEvents(reporter: Reporter, session: string) {
  return {
    onChange(before: SplitSession, after: SplitSession | undefined) {
      for (const { step, state, message, pods } of newSteps(before.status, after?.status)) {
        reporter.say({ event: 'progress', level: state, message, facts: { session, step, state, pods } });
      }
    },
    onReachable(reachable: boolean, error?: SplitterError) {
      const message = reachable
        ? 'The API server answers again'
        : `The API server does not answer; the session goes on as it is (${error?.message ?? 'no reason'})`;
      reporter.say({ event: reachable ? 'reachable' : 'unreachable', level: 'warning', message, facts: { session } });
    },
    onOverdue(silentMs: number) {
      const silent = formatDuration(silentMs);
      const message = `The heartbeat has not reached the API server for ${silent}; the controller may have ended the session`;
      reporter.say({ event: 'overdue', level: 'warning', message, facts: { session } });
    },
  };
}
