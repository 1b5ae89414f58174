// The one error type of the project and its closed list of codes. A message says what is wrong and what to do; codes double as condition reasons.

export const ERROR_CODES = [
  // what a user wrote
  'InvalidFilter',
  'InvalidConfig',
  'UnknownQueueId',
  'NoQueuesFound',
  'RegistryMissing',
  'UnsupportedQueueKind',
  // the target
  'TargetNotFound',
  'TargetUnsupported',
  'RolloutInProgress',
  'VariableMissing',
  'VariableUnreadable',
  'ConfigMapMissing',
  'RestartTimeout',
  'RestartBlocked',
  'ForeignPatch',
  'TooManySplits',
  // brokers
  'OriginalClaimed',
  'QueueNotFound',
  'PermissionDenied',
  'BrokerUnreachable',
  'BrokerRejected',
  'CredentialsMissing',
  'ForeignQueue',
  'Fenced',
  'ForeignCommit',
  'GroupUnsettled',
  'GroupUnsupported',
  'TopicRecreated',
  // the cluster
  'WebhookUnreachable',
  'ApiUnreachable',
  'ApiRejected',
  'Conflict',
  'Copied',
  // sessions and qsplit
  'SessionLost',
  'HeartbeatExpired',
  'Interrupted',
  'Internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

export type ErrorOptions = {
  cause?: unknown;
  /** True: the same call may succeed later without anybody changing anything. */
  retryable?: boolean;
  /** Facts for machines (log fields, conditions); never a secret, never a message body. */
  details?: Record<string, unknown>;
};

export class SplitterError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SplitterError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** Total: any thrown value becomes a SplitterError; foreign errors keep their text and are `Internal` unless a code is given. */
export function toSplitterError(error: unknown, code: ErrorCode = 'Internal'): SplitterError {
  if (error instanceof SplitterError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SplitterError(code, message, { cause: error, retryable: code === 'Internal' });
}
