// What one Kafka queue's data path reports to the metrics of `common/metrics/forwarding.ts`. Only counts; decides nothing.
import { forwardingMetrics as metrics } from '../../common/metrics/forwarding.ts';
import type { Turn } from './turn.ts';

export type LagRole = 'original' | 'fallback' | 'session';
export type Meters = ReturnType<typeof createMeters>;

export function createMeters(split: { namespace: string; workload: string }, topic: string) {
  const queue = { queue_type: 'Kafka', namespace: split.namespace, workload: split.workload, queue: topic };
  const route = (session: string) => ({ ...queue, destination: session === '' ? 'fallback' : 'session', session });
  const lagSeries = new Map<string, { role: LagRole; session: string; partition: string }>();
  return {
    /** One transaction was committed. */
    forwarded(turn: Turn, seconds: number, epochMs: number): void {
      metrics.messagesReceived.inc(queue, turn.records);
      metrics.bytesReceived.inc(queue, turn.bytes);
      for (const { session, records, bytes } of turn.destinations) {
        metrics.messagesRouted.inc(route(session), records);
        metrics.bytesRouted.inc(route(session), bytes);
        if (session === '') metrics.messagesUnmatched.inc(queue, records);
        metrics.forwardDuration.observe(
          { queue_type: 'Kafka', queue: topic, destination: session === '' ? 'fallback' : 'session' },
          seconds,
        );
      }
      if (turn.newestTimestamp >= 0n) {
        const ageSeconds = Math.max(0, (epochMs - Number(turn.newestTimestamp)) / 1000);
        metrics.messageAge.observe({ queue_type: 'Kafka', queue: topic }, ageSeconds);
      }
      metrics.lastForward.set(queue, epochMs / 1000);
    },
    returned: (session: string, messages: number) => metrics.messagesReturned.inc(route(session), messages),
    orderGivenUp: () => metrics.orderGivenUp.inc(queue),
    failed: (reason: string) => metrics.forwardErrors.inc({ ...queue, reason }),
    lag(role: LagRole, session: string, partition: number, records: number): void {
      const labels = { role, session, partition: String(partition) };
      lagSeries.set(JSON.stringify(labels), labels);
      metrics.lag.set({ ...queue, ...labels }, records);
    },
    /** A session's series end with it. */
    forgetSession(session: string): void {
      for (const metric of [metrics.messagesRouted, metrics.bytesRouted, metrics.messagesReturned])
        metric.remove(route(session));
      for (const [key, labels] of lagSeries) {
        if (labels.session !== session) continue;
        metrics.lag.remove({ ...queue, ...labels });
        lagSeries.delete(key);
      }
    },
    /** This replica does not forward the queue any more; what it shows as a gauge would be a lie. */
    forgetGauges(): void {
      for (const labels of lagSeries.values()) metrics.lag.remove({ ...queue, ...labels });
      lagSeries.clear();
      metrics.lastForward.remove(queue);
    },
  };
}
