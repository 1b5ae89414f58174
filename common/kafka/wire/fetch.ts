// Fetch v13 (topic ids, KIP-516) with isolation read_committed. Returns stored bytes; what they mean is read-committed.ts's business.
import { type Connection, createAPI, FetchIsolationLevels, fetchV13, type Reader } from '@platformatic/kafka';
import { call } from './call.ts';
import { throwIfError } from './errors.ts';

export type FetchPosition = {
  partition: number;
  offset: bigint;
  /** Epoch of the leader that we ask, from metadata; the broker refuses when one of us is behind. */
  leaderEpoch: number;
  /** Epoch of the last batch read, −1 at the beginning: the broker notices when its log diverged from what we read (KIP-595). */
  lastFetchedEpoch: number;
};

export type AbortedTransaction = { producerId: bigint; firstOffset: bigint };

export type FetchedPartition = {
  partition: number;
  errorCode: number;
  highWatermark: bigint;
  lastStableOffset: bigint;
  logStartOffset: bigint;
  /** Set when what we read before is no longer in the log: it ends there for the epoch that we named. */
  divergedAt: bigint | undefined;
  aborted: AbortedTransaction[];
  stored: Buffer;
};

export type FetchLimits = { maxWaitMs: number; maxBytes: number; maxPartitionBytes: number };

const FETCH = createAPI<Parameters<typeof fetchV13.createRequest>, FetchedPartition[]>(
  1,
  13,
  fetchV13.createRequest,
  (_correlationId, _apiKey, _version, reader) => readResponse(reader),
);

/** One topic, one leader. Error codes of single partitions are in the result. */
export function fetchPartitions(
  leader: Connection,
  topicId: string,
  positions: readonly FetchPosition[],
  limits: FetchLimits,
): Promise<FetchedPartition[]> {
  const partitions = positions.map((position) => ({
    partition: position.partition,
    currentLeaderEpoch: position.leaderEpoch,
    fetchOffset: position.offset,
    lastFetchedEpoch: position.lastFetchedEpoch,
    partitionMaxBytes: limits.maxPartitionBytes,
  }));
  return call(
    leader,
    FETCH,
    limits.maxWaitMs,
    1,
    limits.maxBytes,
    FetchIsolationLevels.READ_COMMITTED,
    0,
    -1,
    [{ topicId, partitions }],
    [],
    '',
  );
}

function readResponse(reader: Reader): FetchedPartition[] {
  reader.readInt32();
  throwIfError(reader.readInt16(), 'Fetch');
  reader.readInt32();
  const topics = reader.readArray((topic) => {
    topic.readUUID();
    return topic.readArray(readPartition, true, false);
  });
  return topics.flat();
}

function readPartition(reader: Reader): FetchedPartition {
  const partition: FetchedPartition = {
    partition: reader.readInt32(),
    errorCode: reader.readInt16(),
    highWatermark: reader.readInt64(),
    lastStableOffset: reader.readInt64(),
    logStartOffset: reader.readInt64(),
    divergedAt: undefined,
    aborted:
      reader.readNullableArray((entry) => ({ producerId: entry.readInt64(), firstOffset: entry.readInt64() })) ?? [],
    stored: Buffer.alloc(0),
  };
  reader.readInt32();
  partition.stored = readStored(reader);
  for (let tags = reader.readUnsignedVarInt(); tags > 0; tags--) readTag(reader, partition);
  return partition;
}

/** Compact bytes: length + 1. Copied, because the connection reuses its memory. */
function readStored(reader: Reader): Buffer {
  const size = reader.readUnsignedVarInt() - 1;
  if (size <= 0) return Buffer.alloc(0);
  const stored = Buffer.from(reader.buffer.slice(reader.position, reader.position + size));
  reader.skip(size);
  return stored;
}

const DIVERGING_EPOCH = 0;

function readTag(reader: Reader, partition: FetchedPartition): void {
  const tag = reader.readUnsignedVarInt();
  const end = reader.readUnsignedVarInt() + reader.position;
  if (tag === DIVERGING_EPOCH) {
    reader.readInt32();
    partition.divergedAt = reader.readInt64();
  }
  reader.position = end;
}
