// The numbers of the Kafka data path. Tests use shorter times.

export type KafkaSettings = {
  /** Long poll of the original. A new partition or an unpaused one waits for the poll that is under way. */
  fetchWaitMs: number;
  /** Bytes read per lane and turn, and per partition of it; one record larger than that is still read. */
  fetchBytes: number;
  partitionBytes: number;
  /** Pause after a failure; doubles up to the limit. */
  retryBaseMs: number;
  retryMaxMs: number;
  /** How often foreign commits, new partitions and lag are looked at (kafka-notes C2). */
  watchIntervalMs: number;
  /** Every offset of the original is committed again so often, or it expires while the application lives (C12). */
  recommitMs: number;
  /** How long a pending transactional commit of somebody else is waited for. */
  stableDeadlineMs: number;
  /** The last stable offset standing still for so long means an unfinished transaction of the application's producers. */
  sourceStuckMs: number;
  /** How long a session's reader may leave its group by itself before its members are evicted. */
  readerGraceMs: number;
  /** After so long a partition goes on although its left-overs are not moved: order is given up and said so. */
  sessionDrainTimeoutMs: number;
};

export const KAFKA_DEFAULTS: KafkaSettings = {
  fetchWaitMs: 250,
  fetchBytes: 8 * 1024 * 1024,
  partitionBytes: 1024 * 1024,
  retryBaseMs: 50,
  retryMaxMs: 10_000,
  watchIntervalMs: 10_000,
  recommitMs: 6 * 60 * 60 * 1000,
  stableDeadlineMs: 20_000,
  sourceStuckMs: 60_000,
  readerGraceMs: 3_000,
  sessionDrainTimeoutMs: 60_000,
};
