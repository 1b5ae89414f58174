// Turns what the AWS SDK throws into our one error type, with a sentence that says which call on which queue failed and what to do.
import { type ErrorCode, SplitterError } from '../errors.ts';

const NOT_FOUND = ['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'];
const DENIED = [
  'AccessDenied',
  'AccessDeniedException',
  'KmsAccessDenied',
  'KMS.AccessDeniedException',
  'InvalidSecurity',
];
const THROTTLED = [
  'RequestThrottled',
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'KmsThrottled',
  'KMS.ThrottlingException',
  'OverLimit',
];
const CREDENTIALS = [
  'CredentialsProviderError',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'SignatureDoesNotMatch',
  'MissingAuthenticationToken',
];
/** Credentials that the SDK's chain replaces by itself. */
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired'];
const NETWORK = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'TimeoutError',
  'NetworkingError',
];
/** A name may be used again 60 seconds after its queue was deleted. */
const LATER = [
  'QueueDeletedRecently',
  'AWS.SimpleQueueService.QueueDeletedRecently',
  'RequestTimeout',
  'InternalError',
];

const TOO_LONG = ['BatchRequestTooLong', 'AWS.SimpleQueueService.BatchRequestTooLong'];

/** For what `toSqsError` made: the broker counts the sizes of a batch in another way than we do, or has a lower limit (256 KiB until 2025). */
export function isTooLong(error: unknown): boolean {
  return error instanceof SplitterError && TOO_LONG.includes(String(error.details['awsCode']));
}

type SdkError = {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; requestId?: string };
};

/**
 * @param action the IAM name without its prefix, for example `SendMessage` (batch calls need the same permission).
 * @returns `details.awsCode` is the broker's own word; `details.reason` a short word for metrics.
 */
export function toSqsError(error: unknown, action: string, queue: string): SplitterError {
  if (error instanceof SplitterError) return error;
  const { name = '', code = '', message = String(error), $metadata } = (error ?? {}) as SdkError;
  const words = [name, code];
  const is = (list: readonly string[]) => words.some((word) => list.includes(word));
  const status = $metadata?.httpStatusCode;
  const make = (ours: ErrorCode, text: string, reason: string, retryable: boolean) =>
    new SplitterError(ours, text, {
      cause: error,
      retryable,
      details: { queue, action: `sqs:${action}`, awsCode: name || code, reason, requestId: $metadata?.requestId },
    });

  if (is(NOT_FOUND)) {
    return make(
      'QueueNotFound',
      `SQS queue ${queue} does not exist (sqs:${action}); check its name, account and region.`,
      'not_found',
      false,
    );
  }
  if (is(EXPIRED)) {
    const text = `The AWS credentials for sqs:${action} on queue ${queue} have expired (${message}); they are replaced by themselves if they come from a role.`;
    return make('CredentialsMissing', text, 'auth', true);
  }
  if (is(CREDENTIALS)) {
    return make(
      'CredentialsMissing',
      `No valid AWS credentials for sqs:${action} on queue ${queue}: ${message}. Give the pod a role (sa.roleArn) or credentials.`,
      'auth',
      false,
    );
  }
  if (is(THROTTLED) || status === 429) {
    return make('BrokerRejected', `SQS throttles sqs:${action} on queue ${queue}: ${message}.`, 'throttled', true);
  }
  if (is(DENIED) || status === 403) {
    return make(
      'PermissionDenied',
      `sqs:${action} on queue ${queue} was refused: ${message}. Grant sqs:${action} on it (and, if it is encrypted, the key's kms: actions) to the operator's IAM role.`,
      'auth',
      false,
    );
  }
  if (is(NETWORK)) {
    return make(
      'BrokerUnreachable',
      `SQS cannot be reached for sqs:${action} on queue ${queue}: ${message || code || name}. Check endpoint, region and network policies.`,
      'timeout',
      true,
    );
  }
  if (is(LATER) || (status !== undefined && status >= 500)) {
    return make('BrokerUnreachable', `sqs:${action} on queue ${queue} failed for now: ${message}.`, 'server', true);
  }
  if (error instanceof SyntaxError) {
    return make(
      'BrokerRejected',
      `What answers sqs:${action} on queue ${queue} (status ${status ?? 'unknown'}) does not speak SQS's JSON protocol. Check the endpoint; an emulator that only knows the older Query protocol has to be replaced by a newer version.`,
      'protocol',
      false,
    );
  }
  return make('BrokerRejected', `sqs:${action} on queue ${queue} was refused: ${message}.`, 'rejected', false);
}
