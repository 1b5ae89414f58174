// Kafka's error codes and the library's exceptions as SplitterErrors. `details.kafka` holds the protocol's own name of the error.
import { AuthenticationError, protocolErrors, protocolErrorsCodesById, UserError } from '@platformatic/kafka';
import { type ErrorCode, SplitterError } from '../../errors.ts';

/** Name of an error code: `NONE`, `UNKNOWN_TOPIC_OR_PARTITION` … (kafka.apache.org/protocol#protocol_error_codes). */
export function errorName(code: number): string {
  return (protocolErrorsCodesById as Record<number, string>)[code] ?? `ERROR_${code}`;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  INVALID_PRODUCER_EPOCH: 'Fenced',
  PRODUCER_FENCED: 'Fenced',
  TRANSACTION_COORDINATOR_FENCED: 'Fenced',
  INVALID_PRODUCER_ID_MAPPING: 'Fenced',
  UNKNOWN_TOPIC_OR_PARTITION: 'QueueNotFound',
  UNKNOWN_TOPIC_ID: 'TopicRecreated',
  INCONSISTENT_TOPIC_ID: 'TopicRecreated',
  UNSTABLE_OFFSET_COMMIT: 'GroupUnsettled',
  SASL_AUTHENTICATION_FAILED: 'PermissionDenied',
  LEADER_NOT_AVAILABLE: 'BrokerUnreachable',
  BROKER_NOT_AVAILABLE: 'BrokerUnreachable',
  COORDINATOR_NOT_AVAILABLE: 'BrokerUnreachable',
  REQUEST_TIMED_OUT: 'BrokerUnreachable',
};

/** Permissions as Kafka's ACLs call them, for the sentence. */
const DENIED = /^(TOPIC|GROUP|CLUSTER|TRANSACTIONAL_ID)_AUTHORIZATION_FAILED$/;

/** @param what the call and its object, as in `InitProducerId of transactional id x`. */
export function kafkaError(
  code: number,
  what: string,
  serverMessage?: string | null,
  details: Record<string, unknown> = {},
): SplitterError {
  const kafka = errorName(code);
  const denied = DENIED.exec(kafka);
  if (denied !== null) {
    const resource = denied[1]?.toLowerCase().replace('_', ' ');
    return new SplitterError(
      'PermissionDenied',
      `${what}: the broker denies it; grant our account this right on the ${resource}`,
      {
        details: { ...details, kafka },
      },
    );
  }
  const known = (protocolErrors as Record<string, { canRetry: boolean; message: string }>)[kafka];
  return new SplitterError(
    CODES[kafka] ?? 'BrokerRejected',
    `${what}: ${kafka}: ${serverMessage || known?.message || ''}`,
    {
      retryable: known?.canRetry ?? false,
      details: { ...details, kafka },
    },
  );
}

/** Does nothing for code 0. */
export function throwIfError(code: number, what: string, serverMessage?: string | null): void {
  if (code !== 0) throw kafkaError(code, what, serverMessage);
}

/** True for an error made from one of these protocol errors. */
export function isKafkaError(error: unknown, ...names: string[]): boolean {
  return error instanceof SplitterError && names.includes(String(error.details['kafka']));
}

/** What the library throws when no answer could be had. */
export function connectionError(error: unknown, what: string): SplitterError {
  if (error instanceof SplitterError) return error;
  const cause = rootOf(error);
  const sentence = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
  if (error instanceof AuthenticationError || cause instanceof AuthenticationError) {
    return new SplitterError('PermissionDenied', `${sentence}; check user name and password of the client config`, {
      cause: error,
    });
  }
  if (error instanceof UserError) return new SplitterError('InvalidConfig', sentence, { cause: error });
  return new SplitterError('BrokerUnreachable', sentence, { cause: error, retryable: true });
}

function rootOf(error: unknown): unknown {
  let root = error;
  while (root instanceof Error && root.cause instanceof Error && !(root instanceof AuthenticationError))
    root = root.cause;
  return root;
}
