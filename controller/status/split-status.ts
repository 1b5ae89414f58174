// Conditions of a WorkloadSplit, from the facts: pure. They are a report; nothing is ever decided from them.
import type { Condition } from '../../api/kinds/common.ts';
import type { WorkloadSplit, WorkloadSplitStatus } from '../../api/kinds/workload-split.ts';
import type { Observed } from '../decide/observed.ts';
import { reports } from '../decide/spec.ts';
import { listColumn, sentenceColumn } from './columns.ts';
import { withConditions } from './conditions.ts';

/** The controller's part of the status. */
export function splitStatus(
  observed: Observed,
  split: WorkloadSplit,
  waitingFor: string | undefined,
): Pick<WorkloadSplitStatus, 'conditions' | 'remaining' | 'summary'> {
  const before = split.status?.remaining ?? [];
  const remaining = remainingMessages(observed, split, before);
  const conditions = splitConditions(observed, split, waitingFor);
  const summary = splitSummary(split, waitingFor);
  return { conditions, summary, ...(remaining.length + before.length > 0 ? { remaining } : {}) };
}

type Remaining = NonNullable<WorkloadSplitStatus['remaining']>;

/** Where a broker does not answer it stays as it was; where nothing is drained any more nothing is told. */
function remainingMessages({ queues }: Observed, { spec }: WorkloadSplit, before: Remaining): Remaining {
  return spec.queues.flatMap(({ key }) => {
    const { remaining, problem } = queues.get(key) ?? {};
    const messages = problem === undefined ? remaining : before.find((entry) => entry.key === key)?.messages;
    return messages === undefined ? [] : [{ key, messages }];
  });
}

function splitSummary({ spec }: WorkloadSplit, waitingFor = ''): NonNullable<WorkloadSplitStatus['summary']> {
  const routes = spec.queues.flatMap((queue) => queue.routes.filter((route) => !route.ending));
  const sessions = [...new Map(routes.map((route) => [route.sessionUid, route.session])).values()];
  return {
    queues: listColumn(spec.queues.map((queue) => queue.key)),
    sessions: sessions.length,
    sessionNames: listColumn(sessions),
    waitsFor: sentenceColumn(waitingFor),
  };
}

function splitConditions(observed: Observed, split: WorkloadSplit, waitingFor: string | undefined): Condition[] {
  const { spec } = split;
  const missing = spec.resources.filter((entry) => entry.state === 'Planned');
  const unpatched = observed.pods.filter((pod) => spec.token === undefined || pod.token !== spec.token);
  const forwarding = spec.queues.filter((queue) => reports(split, queue, 'Forwarding'));
  const prepared = spec.queues.length > 0 && missing.length === 0;
  const patched = spec.token !== undefined && unpatched.length === 0;
  const allForward = spec.queues.length > 0 && forwarding.length === spec.queues.length && !observed.forwarderAway;
  return withConditions(
    split.status?.conditions ?? [],
    [
      {
        type: 'Prepared',
        status: prepared,
        reason: prepared ? 'Created' : 'Creating',
        message: prepared
          ? 'every temporary queue exists'
          : `to be made: ${missing.map((entry) => entry.name).join(', ') || 'nothing planned yet'}`,
      },
      {
        type: 'Patched',
        status: patched,
        reason: patched ? 'AllPods' : 'UnpatchedPods',
        message: patched
          ? `all ${observed.pods.length} pods read the fallback queues`
          : `${unpatched.length} of ${observed.pods.length} pods read the original queues`,
      },
      {
        type: 'Forwarding',
        status: allForward,
        reason: observed.forwarderAway ? 'ForwarderAway' : allForward ? 'Forwarding' : spec.phase,
        message: observed.forwarderAway
          ? 'no forwarder is alive; messages wait in the original queues'
          : `${forwarding.length} of ${spec.queues.length} queues are forwarded`,
      },
      {
        type: 'Progressing',
        status: waitingFor !== undefined,
        reason: spec.phase,
        message: waitingFor === undefined ? 'nothing to wait for' : `waits for ${waitingFor}`,
      },
    ],
    split.metadata,
    observed.now,
  );
}
