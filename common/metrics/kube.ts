// What talks to the Kubernetes API counts: reflectors, work queues, leader election. Work queues use client-go's names without a prefix.
import { Counter, Gauge, Histogram } from 'prom-client';
import { counter, DURATION_BUCKETS, gauge, LATENCY_BUCKETS, registry } from './registry.ts';

export const kubeMetrics = {
  requests: counter(
    'api_requests_total',
    'Requests to the API server. Status: the HTTP status, or "none" without an answer.',
    ['verb', 'resource', 'status'],
  ),
  lists: counter('reflector_lists_total', 'Full lists by reflectors. Result: ok, or the code of the error.', [
    'resource',
    'result',
  ]),
  watches: counter('reflector_watches_total', 'Watches that ended. Result: ok, or the code of the error.', [
    'resource',
    'result',
  ]),
  events: counter('reflector_events_total', 'Changes seen by reflectors.', ['resource', 'type']),
  callbackErrors: counter(
    'reflector_callback_errors_total',
    'Errors thrown by those that a reflector told of a change.',
    ['resource'],
  ),
  objects: gauge('reflector_objects', 'Objects in the caches of reflectors.', ['resource']),
  lastContact: gauge(
    'reflector_last_contact_timestamp_seconds',
    'Unix time at which the API server last said something to a reflector; now minus this is the age of its cache.',
    ['resource'],
  ),
  synced: gauge('reflector_synced', '1 once a reflector has listed everything.', ['resource']),
  leader: gauge('leader', '1 while this replica leads.', ['lease']),
};

const LABELS = ['name'] as const;
const common = { labelNames: [...LABELS], registers: [registry] };

export const workQueueMetrics = {
  depth: new Gauge({ ...common, name: 'workqueue_depth', help: 'Keys waiting to be processed.' }),
  adds: new Counter({ ...common, name: 'workqueue_adds_total', help: 'Keys added.' }),
  queueDuration: new Histogram({
    ...common,
    name: 'workqueue_queue_duration_seconds',
    help: 'Time that a key waited.',
    buckets: LATENCY_BUCKETS,
  }),
  workDuration: new Histogram({
    ...common,
    name: 'workqueue_work_duration_seconds',
    help: 'Time that processing a key took.',
    buckets: [...LATENCY_BUCKETS.filter((bound) => bound < 1), ...DURATION_BUCKETS],
  }),
  retries: new Counter({ ...common, name: 'workqueue_retries_total', help: 'Keys processed again after a failure.' }),
};

/** Per queue: the seconds that each piece of running work has taken so far. Read at scrapes, so that work that hangs shows. */
const running = new Map<string, () => number[]>();

export function watchRunningWork(queue: string, seconds: () => number[]): void {
  running.set(queue, seconds);
}

new Gauge({
  ...common,
  name: 'workqueue_unfinished_work_seconds',
  help: 'Sum of the seconds that running work has taken so far.',
  collect() {
    for (const [name, seconds] of running)
      this.set(
        { name },
        seconds().reduce((sum, each) => sum + each, 0),
      );
  },
});

new Gauge({
  ...common,
  name: 'workqueue_longest_running_processor_seconds',
  help: 'Seconds that the longest running work has taken so far.',
  collect() {
    for (const [name, seconds] of running) this.set({ name }, Math.max(0, ...seconds()));
  },
});
