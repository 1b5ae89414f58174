// The one metrics registry of a process, and the only way to add a metric to it. Names: base units, prefix `queue_splitter_`.
// Labels are names of Kubernetes objects and queues, never message ids or values out of messages.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const PREFIX = 'queue_splitter_';

export const registry = new Registry();

/** From a millisecond to ten seconds: requests, sends, reconciles. */
export const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** From a second to an hour: restarts, drains, ages of messages. */
export const DURATION_BUCKETS = [1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

/** `name` without the prefix and with the suffix `_total`. */
export function counter<const Label extends string>(name: string, help: string, labelNames: readonly Label[]) {
  return new Counter<Label>({ name: PREFIX + name, help, labelNames: [...labelNames], registers: [registry] });
}

/** `collect` runs at each scrape; use it where keeping the gauge up to date all the time would cost more. */
export function gauge<const Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[],
  collect?: (gauge: Gauge<Label>) => void,
) {
  return new Gauge<Label>({
    name: PREFIX + name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    ...(collect && {
      collect() {
        collect(this);
      },
    }),
  });
}

/** `name` ends in its unit, which is seconds or bytes. */
export function histogram<const Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[],
  buckets: readonly number[] = LATENCY_BUCKETS,
) {
  return new Histogram<Label>({
    name: PREFIX + name,
    help,
    labelNames: [...labelNames],
    buckets: [...buckets],
    registers: [registry],
  });
}

/** Once per process, at its start: Node's own metrics and who we are. */
export function startProcessMetrics(process: string, version: string): void {
  collectDefaultMetrics({ register: registry });
  gauge('build_info', 'Always 1; the labels say which program and version this is.', ['process', 'version']).set(
    { process, version },
    1,
  );
}
