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
    'Failed reads, writes and deletes of the data path. Reason: a short word (auth, throttled, timeout, server, not_found, rejected, protocol, visibility, partial_batch), a code of the broker, or one of ours.',
    [...QUEUE, 'reason'],
  ),
  redeliveries: counter(
    'redeliveries_total',
    'SQS: messages that the broker handed out again while they were being forwarded; none is sent twice for that.',
    QUEUE,
  ),
  orderGivenUp: counter(
    'order_given_up_total',
    'Kafka: times that a partition went on at the bound of a pause, before the left-overs of a session.',
    QUEUE,
  ),
  lag: gauge('lag_messages', 'Messages waiting in a queue; partition is empty for SQS.', [
    ...QUEUE,
    'role',
    'session',
    'partition',
  ]),
  inFlight: gauge('in_flight_messages', 'SQS: messages read and not yet deleted from the original queue.', QUEUE),
  bufferedBytes: gauge('buffer_bytes', 'SQS: bytes of these messages.', QUEUE),
  lastForward: gauge('last_forward_timestamp_seconds', 'Unix time of the last acknowledged write.', QUEUE),
  acknowledgedRevision: gauge('acknowledged_revision', 'Revision of the split that the data path fully acts on.', [
    'namespace',
    'split',
  ]),
};
