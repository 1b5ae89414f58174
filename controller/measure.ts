// Gauges of sessions and splits, set from the caches. Labels go when their objects go.
import type { SplitSession } from '../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { sessionMetrics } from '../common/metrics/sessions.ts';

export function countSessions(sessions: readonly SplitSession[]): void {
  sessionMetrics.sessions.reset();
  for (const { metadata, spec, status } of sessions) {
    sessionMetrics.sessions.inc({
      namespace: metadata.namespace ?? '',
      workload: spec.target.name,
      phase: status?.phase ?? 'Pending',
    });
  }
}

export function countSplits(splits: readonly WorkloadSplit[]): void {
  const { splits: gauge, temporaryQueues } = sessionMetrics;
  gauge.reset();
  temporaryQueues.reset();
  for (const { metadata, spec } of splits) {
    gauge.inc({ namespace: metadata.namespace ?? '', workload: spec.target.name, phase: spec.phase });
    for (const { kind, role, state } of spec.resources) {
      if (state === 'Planned' || role === 'claim') continue;
      temporaryQueues.inc({ queue_type: kind === 'SqsQueue' ? 'SQS' : 'Kafka', role });
    }
  }
}
