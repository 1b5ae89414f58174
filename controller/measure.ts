// What the controller's metrics say: gauges set from the caches, counts and durations taken when something changes or was done. A new leader
// learns of what is there without counting it again. Series go when their objects go.
import type { SplitSession } from '../api/kinds/split-session.ts';
import { PATCHING_PHASES, type SplitQueue, type WorkloadSplit } from '../api/kinds/workload-split.ts';
import { toSplitterError } from '../common/errors.ts';
import { sessionMetrics as metrics } from '../common/metrics/sessions.ts';
import type { Action, Observed } from './decide/observed.ts';

export function countSessions(sessions: readonly SplitSession[]): void {
  metrics.sessions.reset();
  for (const { metadata, spec, status } of sessions) {
    metrics.sessions.inc({
      namespace: metadata.namespace ?? '',
      workload: spec.target.name,
      phase: status?.phase ?? 'Pending',
    });
  }
}

/** How long sessions took to become Ready, and how long they then lived. `before` is undefined for what a new leader finds. */
export function timeSession(before: SplitSession | undefined, after: SplitSession | undefined): void {
  if (before === undefined) return;
  const { status = {} } = after ?? before;
  if (after !== undefined) {
    const isSettled = status.phase === 'Ready' || status.phase === 'Failed';
    const wasSettled = before.status?.readyAt !== undefined || before.status?.phase === 'Failed';
    if (!isSettled || wasSettled) return;
    const result = status.phase === 'Ready' ? 'ready' : (status.reason ?? 'Internal');
    const settledAt = status.phase === 'Ready' ? status.readyAt : status.endedAt;
    observe(metrics.setupDuration, result, after.metadata.creationTimestamp, settledAt);
    return;
  }
  const result = status.phase === 'Failed' ? (status.reason ?? 'Internal') : 'ended';
  observe(metrics.sessionDuration, result, status.readyAt, status.endedAt ?? before.metadata.deletionTimestamp);
}

/** Nothing when either moment is not known: a session that was never Ready has no life to speak of. */
function observe(
  histogram: typeof metrics.setupDuration,
  result: string,
  from: string | undefined,
  to: string | undefined,
): void {
  if (from === undefined || to === undefined) return;
  histogram.observe({ result }, Math.max(0, Date.parse(to) - Date.parse(from)) / 1000);
}

export function countSplits(splits: readonly WorkloadSplit[]): void {
  metrics.splits.reset();
  metrics.temporaryQueues.reset();
  metrics.drainRemaining.reset();
  for (const { metadata, spec, status } of splits) {
    const labels = { namespace: metadata.namespace ?? '', workload: spec.target.name };
    metrics.splits.inc({ ...labels, phase: spec.phase });
    for (const { kind, role, state } of spec.resources) {
      if (state === 'Planned' || role === 'claim') continue;
      metrics.temporaryQueues.inc({ queue_type: kind === 'SqsQueue' ? 'SQS' : 'Kafka', role });
    }
    for (const { key, messages } of status?.remaining ?? []) {
      const queue = spec.queues.find((candidate) => candidate.key === key)?.original.name;
      if (queue !== undefined) metrics.drainRemaining.inc({ ...labels, queue }, messages);
    }
  }
}

/** Pods that should read temporary queues and do not. */
export function countPods({ namespace, targetReference, split, pods }: Observed): void {
  const labels = { namespace: namespace.name, workload: targetReference.name };
  if (split === undefined || !PATCHING_PHASES.has(split.spec.phase)) {
    metrics.podsUnpatched.remove(labels);
    return;
  }
  metrics.podsUnpatched.set(labels, pods.filter(({ token }) => token !== split.spec.token).length);
}

export function forgetPods({ metadata, spec }: WorkloadSplit): void {
  metrics.podsUnpatched.remove({ namespace: metadata.namespace ?? '', workload: spec.target.name });
}

/** When a term ends: what this process saw last is not what is, and alerts would add it to what the next leader says. */
export function forgetAll(): void {
  const { sessions, splits, temporaryQueues, drainRemaining, podsUnpatched, orphans } = metrics;
  for (const gauge of [sessions, splits, temporaryQueues, drainRemaining, podsUnpatched, orphans]) gauge.reset();
}

/** Performs one action and counts it with its outcome; rejects as the action does. */
export async function measured(action: Action, observed: Observed, perform: () => Promise<void>): Promise<void> {
  const stop = metrics.actionDuration.startTimer({ action: action.type });
  try {
    await perform();
    metrics.actions.inc({ action: action.type, result: 'ok' });
  } catch (error) {
    metrics.actions.inc({ action: action.type, result: toSplitterError(error).code });
    throw error;
  } finally {
    stop();
  }
  const labels = { namespace: observed.namespace.name, workload: observed.targetReference.name };
  countConsequence(action, labels);
  if (action.type === 'WriteSpec') countGivenUp(action, observed, labels);
}

function countConsequence(action: Action, labels: { namespace: string; workload: string }): void {
  if (action.type === 'RestartTarget') metrics.workloadRestarts.inc({ ...labels, reason: 'split' });
  if (action.type === 'RemoveRestartAnnotation') metrics.workloadRestarts.inc({ ...labels, reason: 'restore' });
  // While a target is being patched or restored, single pods are replaced as a matter of course.
  if (action.type === 'EvictPod' && ['Splitting', 'Warm'].includes(action.split.spec.phase))
    metrics.patchLost.inc(labels);
}

function countGivenUp(
  { split, spec }: Extract<Action, { type: 'WriteSpec' }>,
  { queues }: Observed,
  labels: { namespace: string; workload: string },
): void {
  if (split.spec.phase !== 'Draining') return;
  for (const queue of spec.queues) {
    const outcome = outcomeOf(queue);
    const before = split.spec.queues.find(({ key }) => key === queue.key);
    if (outcome === undefined || (before && outcomeOf(before) === outcome)) continue;
    const messages = queues.get(queue.key)?.remaining ?? 0;
    metrics.drainGivenUp.inc({ ...labels, queue: queue.original.name, outcome }, messages);
  }
}

function outcomeOf({ leftOvers, forwarding }: SplitQueue): string | undefined {
  if (leftOvers !== undefined) return leftOvers === 'Rewind' ? 'rewound' : 'dropped';
  return forwarding === 'Return' ? 'returned' : undefined;
}
