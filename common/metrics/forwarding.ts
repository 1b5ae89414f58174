// What the data path counts: messages, bytes, latency, lag. Label `queue` is the original's name; `queue_type` is SQS or Kafka.
import { counter, DURATION_BUCKETS, gauge, histogram } from './registry.ts';

const QUEUE = ['queue_type', 'namespace', 'workload', 'queue'] as const;
/** `destination` is session or fallback; `session` is empty for the fallback. Remove a session's series when it ends. */
const ROUTE = [...QUEUE, 'destination', 'session'] as const;

export const forwardingMetrics = {
  messagesReceived: counter('messages_received_total', 'Messages read from the original queue.', QUEUE),
  bytesReceived: counter('message_bytes_received_total', 'Bytes of messages read from the original queue.', QUEUE),
  messagesRouted: counter('messages_routed_total', 'Messages stored in a temporary queue.', ROUTE),
  bytesRouted: counter('message_bytes_routed_total', 'Bytes of messages stored in a temporary queue.', ROUTE),
  messagesUnmatched: counter(
    'messages_unmatched_total',
    'Messages that no filter matched; they go to the fallback.',
    QUEUE,
  ),
  messagesReturned: counter(
    'messages_returned_total',
    'Messages that a session left behind and that were moved to the fallback or back to the original queue.',
    ROUTE,
  ),
  forwardDuration: histogram(
    'message_forward_duration_seconds',
    'Time from reading a message to its acknowledged write.',
    ['queue_type', 'queue', 'destination'],
  ),
  messageAge: histogram(
    'message_age_seconds',
    "Time from the message's own timestamp to its acknowledged write.",
    ['queue_type', 'queue'],
    DURATION_BUCKETS,
  ),
  forwardErrors: counter(
    'forward_errors_total',
    'Failed reads, writes and deletes of the data path. Reason: a code of the documentation, or the broker’s short word (throttled, too_large, partial_batch).',
    [...QUEUE, 'reason'],
  ),
  filterErrors: counter('filter_errors_total', 'Messages on which a filter could not be evaluated.', [
    'session',
    'kind',
  ]),
  duplicates: counter(
    'duplicates_total',
    'Messages that were written twice because an acknowledgement was lost.',
    QUEUE,
  ),
  redeliveries: counter('redeliveries_total', 'Messages that the broker handed out more than once.', QUEUE),
  orderGivenUp: counter('order_given_up_total', 'Times that order was given up at the bound of a pause.', QUEUE),
  lag: gauge('lag_messages', 'Messages waiting in a queue; partition is empty for SQS.', [
    ...QUEUE,
    'role',
    'session',
    'partition',
  ]),
  oldestAge: gauge('oldest_message_age_seconds', 'Age of the oldest message that is not forwarded yet.', QUEUE),
  inFlight: gauge('in_flight_messages', 'Messages read and not yet acknowledged at their destination.', QUEUE),
  bufferedBytes: gauge('buffer_bytes', 'Bytes of messages held in memory.', QUEUE),
  lastForward: gauge('last_forward_timestamp_seconds', 'Unix time of the last acknowledged write.', QUEUE),
  acknowledgedRevision: gauge('acknowledged_revision', 'Revision of the split that the data path fully acts on.', [
    'namespace',
    'split',
  ]),
};
