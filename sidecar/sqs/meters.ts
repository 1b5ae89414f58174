// What one SQS queue's data path reports to the metrics of `common/metrics/forwarding.ts`. Only counts; decides nothing.
import { forwardingMetrics as metrics } from '../../common/metrics/forwarding.ts';
import type { QueueDepth } from '../../common/sqs/depth.ts';
import { totalOf } from '../../common/sqs/depth.ts';

/** Where a message goes; `session` is empty for the fallback. */
export type Role = { role: 'session' | 'fallback'; session: string };

export type Meters = ReturnType<typeof createMeters>;

export function createMeters(split: { namespace: string; workload: string }, queueName: string) {
  const queue = { queue_type: 'SQS', namespace: split.namespace, workload: split.workload, queue: queueName };
  const route = ({ role, session }: Role) => ({ ...queue, destination: role, session });
  return {
    received(messages: number, bytes: number): void {
      metrics.messagesReceived.inc(queue, messages);
      metrics.bytesReceived.inc(queue, bytes);
    },
    redelivered: () => metrics.redeliveries.inc(queue),
    unmatched: () => metrics.messagesUnmatched.inc(queue),
    /** One message was acknowledged by its destination. */
    routed(to: Role, bytes: number, seconds: number, ageSeconds: number | undefined): void {
      metrics.messagesRouted.inc(route(to));
      metrics.bytesRouted.inc(route(to), bytes);
      metrics.forwardDuration.observe({ queue_type: 'SQS', queue: queueName, destination: to.role }, seconds);
      if (ageSeconds !== undefined) metrics.messageAge.observe({ queue_type: 'SQS', queue: queueName }, ageSeconds);
    },
    forwardedAt: (epochMs: number) => metrics.lastForward.set(queue, epochMs / 1000),
    returned: (to: Role, messages: number) => metrics.messagesReturned.inc(route(to), messages),
    failed: (reason: string) => metrics.forwardErrors.inc({ ...queue, reason }),
    held(messages: number, bytes: number): void {
      metrics.inFlight.set(queue, messages);
      metrics.bufferedBytes.set(queue, bytes);
    },
    lag: (role: 'original' | Role['role'], session: string, depth: QueueDepth) =>
      metrics.lag.set({ ...queue, role, session, partition: '' }, totalOf(depth)),
    /** A session's series end with it. */
    forgetSession(session: string): void {
      metrics.messagesRouted.remove(route({ role: 'session', session }));
      metrics.bytesRouted.remove(route({ role: 'session', session }));
      metrics.messagesReturned.remove(route({ role: 'session', session }));
      metrics.lag.remove({ ...queue, role: 'session', session, partition: '' });
    },
    /** This replica does not forward the queue any more; what it shows as a gauge would be a lie. */
    forgetGauges(): void {
      metrics.lag.remove({ ...queue, role: 'original', session: '', partition: '' });
      metrics.lag.remove({ ...queue, role: 'fallback', session: '', partition: '' });
      metrics.inFlight.remove(queue);
      metrics.bufferedBytes.remove(queue);
      metrics.lastForward.remove(queue);
    },
  };
}
