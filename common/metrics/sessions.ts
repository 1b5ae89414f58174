// What the controller counts: sessions, splits, restarts, temporary queues, reconciles.
import { counter, DURATION_BUCKETS, gauge, histogram } from './registry.ts';

const WORKLOAD = ['namespace', 'workload'] as const;

export const sessionMetrics = {
  sessions: gauge('sessions', 'Sessions by phase.', [...WORKLOAD, 'phase']),
  splits: gauge('splits', 'Splits by phase.', [...WORKLOAD, 'phase']),
  setupDuration: histogram(
    'session_setup_duration_seconds',
    'Time from the creation of a session to Ready or Failed. Result: ready, or the reason of the failure.',
    ['result'],
    DURATION_BUCKETS,
  ),
  sessionDuration: histogram(
    'session_duration_seconds',
    'Time from Ready to the end of a session. Result: ended, or why it was lost.',
    ['result'],
    DURATION_BUCKETS,
  ),
  workloadRestarts: counter('workload_restarts_total', 'Restarts of targets that we asked for.', [
    ...WORKLOAD,
    'reason',
  ]),
  podsUnpatched: gauge('pods_unpatched', "Pods of a split target that do not carry the split's token.", WORKLOAD),
  patchLost: counter(
    'patch_lost_total',
    'Times that an unpatched pod was seen on a target already called patched.',
    WORKLOAD,
  ),
  temporaryQueues: gauge('temporary_queues', 'Temporary queues and topics in the ledgers.', ['queue_type', 'role']),
  drainRemaining: gauge('drain_remaining_messages', 'Messages that the target still has to read before the restore.', [
    ...WORKLOAD,
    'queue',
  ]),
  drainGivenUp: counter(
    'drain_given_up_messages_total',
    'Messages that the target had not read when its drain ran into the limit. Outcome: returned (SQS), rewound or dropped (Kafka).',
    [...WORKLOAD, 'queue', 'outcome'],
  ),
  garbageCollected: counter('garbage_collected_total', 'Left-overs without an owner that were removed.', ['kind']),
  orphans: gauge(
    'orphans',
    'What splits that are gone have left, and what is kept because messages are in it or a call is refused.',
    ['kind'],
  ),
  actions: counter('actions_total', 'Actions of the controller. Result: ok, or the code of the error.', [
    'action',
    'result',
  ]),
  actionDuration: histogram('action_duration_seconds', 'Time that one action took.', ['action'], DURATION_BUCKETS),
  webhookEntries: gauge('webhook_entries', 'Entries in our webhook configuration.', []),
  webhookRepairs: counter(
    'webhook_repairs_total',
    'Times that somebody else changed our webhook configuration and it was repaired.',
    [],
  ),
};
