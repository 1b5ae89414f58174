/**
 * Who may read a message, judged from the sessions' times and filters alone. Pure.
 * Strict where the promise is strict (attempted after Ready, acknowledged before the end was requested), and open only in
 * the windows in which either reader is right.
 */
import { filterMatches } from './filter.ts';
import type { History, ProducedLine, ReceivedLine, SessionLine } from './history.ts';

export type Misrouted = { readonly id: string; readonly reader: string; readonly why: string };
export type LeftOver = { readonly id: string; readonly session: string; readonly reader: string };
export type RoutingVerdict = { readonly misrouted: readonly Misrouted[]; readonly leftOvers: readonly LeftOver[] };

/** The sessions whose filter matches, the one that started first in front. */
export function matchingSessions(message: ProducedLine, sessions: readonly SessionLine[]): SessionLine[] {
  return sessions
    .filter(
      (session) =>
        session.kind === message.kind &&
        session.source === message.source &&
        filterMatches(session.filter, message.attributes, message.kind),
    )
    .sort((left, right) => left.startedAt - right.startedAt);
}

/** The route stood before the send began and still stood when the broker had stored the message. */
function certainlyActive(session: SessionLine, message: ProducedLine): boolean {
  if (session.readyAt === null || message.attemptAt < session.readyAt) return false;
  if (session.endRequestedAt === null) return true;
  return message.ackAt !== null && message.ackAt < session.endRequestedAt;
}

/** The session may have been given the message: sent before the session was over, also long before it started (backlog). */
function possiblyActive(session: SessionLine, message: ProducedLine): boolean {
  return session.endedAt === null || message.attemptAt <= session.endedAt;
}

type Judgement = { readonly misrouted?: string; readonly leftOverOf?: string };

function judgeFirstDelivery(
  message: ProducedLine,
  delivery: ReceivedLine,
  matching: readonly SessionLine[],
  isWorkload: boolean,
): Judgement {
  const ownerIndex = matching.findIndex((session) => certainlyActive(session, message));
  const owner = matching[ownerIndex];
  const mayGoFirst = matching
    .slice(0, ownerIndex === -1 ? matching.length : ownerIndex + 1)
    .filter((session) => possiblyActive(session, message));
  if (mayGoFirst.some((session) => session.reader === delivery.reader)) return {};
  const reader = isWorkload || matching.some((session) => session.reader === delivery.reader);
  if (!reader) return { misrouted: `it is for ${owner?.name ?? 'the workload'}, and no filter of this reader matches` };
  if (owner === undefined) {
    return isWorkload ? {} : { misrouted: 'it was sent after this session had ended' };
  }
  const over = mayGoFirst.find(
    (session) => session.endRequestedAt !== null && delivery.receivedAt >= session.endRequestedAt,
  );
  if (over && isWorkload) return { leftOverOf: over.name };
  return { misrouted: `it matched session ${owner.name}, which was Ready and not asked to end` };
}

/** `deliveries` by message id, each in the order of arrival. */
export function judgeRouting(
  history: History,
  deliveries: ReadonlyMap<string, readonly ReceivedLine[]>,
): RoutingVerdict {
  const misrouted: Misrouted[] = [];
  const leftOvers: LeftOver[] = [];
  for (const message of history.produced) {
    const received = deliveries.get(message.id) ?? [];
    const matching = matchingSessions(message, history.sessions);
    const workloads = new Set(
      history.workloads
        .filter((workload) => workload.kind === message.kind && workload.source === message.source)
        .map((workload) => workload.reader),
    );
    received.forEach((delivery, index) => {
      const isWorkload = workloads.has(delivery.reader);
      const known = isWorkload || matching.some((session) => session.reader === delivery.reader);
      if (index > 0) {
        if (!known) misrouted.push({ id: message.id, reader: delivery.reader, why: 'delivered again, to a stranger' });
        return;
      }
      const judgement = judgeFirstDelivery(message, delivery, matching, isWorkload);
      if (judgement.misrouted !== undefined) {
        misrouted.push({ id: message.id, reader: delivery.reader, why: judgement.misrouted });
      }
      if (judgement.leftOverOf !== undefined) {
        leftOvers.push({ id: message.id, session: judgement.leftOverOf, reader: delivery.reader });
      }
    });
  }
  return { misrouted, leftOvers };
}
