// The numbers of the SQS data path. Defaults are for AWS; emulators count exactly and answer at once, so tests use shorter ones.

export type SqsSettings = {
  /** Long poll. A stop waits for the running poll (an aborted one could hand out messages that nobody holds), so it is not 20 s. */
  waitSeconds: number;
  /** How long a message that was read is ours; renewed while we hold it. After a crash it comes back so much later. */
  visibilitySeconds: number;
  /** Concurrent long polls of one queue at full flow; one while it is idle. */
  maxPolls: number;
  /** Concurrent SendMessageBatch calls for one destination, and DeleteMessageBatch calls of one original. */
  maxSends: number;
  /** Messages that may wait for one destination. */
  maxWaiting: number;
  /** Messages and bytes in memory for one queue. */
  maxHeld: number;
  maxHeldBytes: number;
  /** How long a reader waits for room at a destination before it gives the message back and reads on for the others. */
  patienceMs: number;
  /** Delay of a message that was given back because its destination fails: doubles with each receive, for each counts for the dead-letter rule. */
  redeliverySeconds: number;
  maxRedeliverySeconds: number;
  retryBaseMs: number;
  retryMaxMs: number;
  /** A stop gives up on waiting messages after so long and gives them back to the original. */
  stopPatienceMs: number;
  /** How long a queue's counts must be zero before it counts as empty. AWS: at least 60 s (GetQueueAttributes). */
  confirmEmptyMs: number;
  /** After so long an ended session's queue that is not empty is reported; it is kept and emptied when its messages come back. */
  sessionDrainTimeoutMs: number;
  lagIntervalMs: number;
};

export const SQS_DEFAULTS: SqsSettings = {
  waitSeconds: 5,
  visibilitySeconds: 30,
  maxPolls: 16,
  maxSends: 16,
  maxWaiting: 200,
  maxHeld: 2_000,
  maxHeldBytes: 128 * 1024 * 1024,
  patienceMs: 1_000,
  redeliverySeconds: 15,
  maxRedeliverySeconds: 900,
  retryBaseMs: 100,
  retryMaxMs: 10_000,
  stopPatienceMs: 10_000,
  confirmEmptyMs: 60_000,
  sessionDrainTimeoutMs: 60_000,
  lagIntervalMs: 10_000,
};
