// Kafka's record batches (magic 2), read and written. A record keeps its body (key, value, headers) as the bytes that were stored,
// so a copy is exact by construction. Layout: kafka.apache.org/documentation/#recordbatch
import { compressionsAlgorithmsByBitmask, crc32c } from '@platformatic/kafka';
import { SplitterError } from '../../errors.ts';
import {
  type Cursor,
  readVarint,
  readVarlong,
  sizeOfVarint,
  sizeOfVarlong,
  writeVarint,
  writeVarlong,
} from './varint.ts';

/** Compression codec as in the batch's attributes: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export type Codec = number;
export const GZIP: Codec = 1;

export type KafkaRecord = {
  /** In its topic; says nothing about the copy. */
  offset: bigint;
  /** Milliseconds, exactly as readers see it; −1 = none. */
  timestamp: bigint;
  /** Key, value and headers as stored, with their lengths. */
  body: Buffer;
  /** What its batch was compressed with; the copy uses the same. */
  codec: Codec;
};

export type RecordBatch = {
  baseOffset: bigint;
  /** The batch covers all offsets up to this one, even when compaction left no record there. */
  lastOffset: bigint;
  leaderEpoch: number;
  producerId: bigint;
  isTransactional: boolean;
  isControl: boolean;
  /** Decompresses and decodes. */
  records(): KafkaRecord[];
};

export type Header = { key: Buffer; value: Buffer | null };
export type RecordContent = { key: Buffer | null; value: Buffer | null; headers: Header[] };

const LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;
const COUNT_AT = 57;
const RECORDS_AT = 61;
const BEFORE_LENGTH_ENDS = 12;

const CODEC_BITS = 0b111;
const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

/** All whole batches of a fetched buffer; a batch cut off at the end is left for the next fetch. */
export function readBatches(buffer: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let position = 0;
  while (buffer.length - position >= RECORDS_AT) {
    const end = position + BEFORE_LENGTH_ENDS + buffer.readInt32BE(position + LENGTH_AT);
    if (end > buffer.length) break;
    batches.push(readBatch(buffer.subarray(position, end)));
    position = end;
  }
  return batches;
}

function readBatch(batch: Buffer): RecordBatch {
  const magic = batch.readInt8(MAGIC_AT);
  if (magic !== 2) {
    throw new SplitterError(
      'UnsupportedQueueKind',
      `the topic holds records in the message format v${magic} of Kafka before 0.11, which cannot be split; wait until retention has removed them`,
    );
  }
  if (crc32c(batch.subarray(ATTRIBUTES_AT)) !== batch.readUInt32BE(CRC_AT)) {
    throw new SplitterError('BrokerUnreachable', 'a fetched record batch has a wrong checksum; reading it again', {
      retryable: true,
    });
  }
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const baseOffset = batch.readBigInt64BE(0);
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(batch.readInt32BE(LAST_OFFSET_DELTA_AT)),
    leaderEpoch: batch.readInt32BE(LEADER_EPOCH_AT),
    producerId: batch.readBigInt64BE(PRODUCER_ID_AT),
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    records: () => readRecords(batch, attributes, baseOffset),
  };
}

function readRecords(batch: Buffer, attributes: number, baseOffset: bigint): KafkaRecord[] {
  const codec = attributes & CODEC_BITS;
  const baseTimestamp = batch.readBigInt64BE(BASE_TIMESTAMP_AT);
  // With LogAppendTime the broker wrote the time of arrival into the batch only; readers see it for every record.
  const arrival = (attributes & LOG_APPEND_TIME) === 0 ? undefined : batch.readBigInt64BE(MAX_TIMESTAMP_AT);
  const cursor: Cursor = { buffer: decompress(batch.subarray(RECORDS_AT), codec), position: 0 };
  const records: KafkaRecord[] = [];
  for (let left = batch.readInt32BE(COUNT_AT); left > 0; left--) {
    const length = readVarint(cursor);
    const end = cursor.position + length;
    cursor.position += 1;
    const timestamp = arrival ?? baseTimestamp + readVarlong(cursor);
    if (arrival !== undefined) readVarlong(cursor);
    const offset = baseOffset + BigInt(readVarint(cursor));
    records.push({ offset, timestamp, body: cursor.buffer.subarray(cursor.position, end), codec });
    cursor.position = end;
  }
  return records;
}

/** Key, value and headers of a record; `null` and empty differ. */
export function readContent(body: Buffer): RecordContent {
  const cursor: Cursor = { buffer: body, position: 0 };
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  return { key, value, headers: readHeadersAt(cursor) };
}

/** Only the headers; key and value are skipped. */
export function readHeaders(body: Buffer): Header[] {
  const cursor: Cursor = { buffer: body, position: 0 };
  skipBytes(cursor);
  skipBytes(cursor);
  return readHeadersAt(cursor);
}

export function writeContent(content: RecordContent): Buffer {
  const fields: (Buffer | null)[] = [content.key, content.value];
  const headers = content.headers.flatMap((header) => [header.key, header.value]);
  const size = [...fields, ...headers].reduce(
    (sum, bytes) => sum + sizeOfVarint(bytes?.length ?? -1) + (bytes?.length ?? 0),
    0,
  );
  const body = Buffer.allocUnsafe(size + sizeOfVarint(content.headers.length));
  let position = 0;
  for (const bytes of fields) position = writeBytes(body, position, bytes);
  position = writeVarint(body, position, content.headers.length);
  for (const bytes of headers) position = writeBytes(body, position, bytes);
  return body;
}

export type BatchOptions = { codec: Codec; producerId: bigint; producerEpoch: number; baseSequence: number };

/** A transactional batch with dense offsets, create time, base offset 0 (the broker sets the real one). `records` must not be empty. */
export function writeBatch(records: readonly Pick<KafkaRecord, 'timestamp' | 'body'>[], options: BatchOptions): Buffer {
  const baseTimestamp = records[0]?.timestamp ?? 0n;
  let maxTimestamp = baseTimestamp;
  for (const { timestamp } of records) if (timestamp > maxTimestamp) maxTimestamp = timestamp;
  const payload = compress(writeRecords(records, baseTimestamp), options.codec);
  const batch = Buffer.allocUnsafe(RECORDS_AT + payload.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - BEFORE_LENGTH_ENDS, LENGTH_AT);
  batch.writeInt32BE(-1, LEADER_EPOCH_AT);
  batch.writeInt8(2, MAGIC_AT);
  batch.writeInt16BE(options.codec | TRANSACTIONAL, ATTRIBUTES_AT);
  batch.writeInt32BE(records.length - 1, LAST_OFFSET_DELTA_AT);
  batch.writeBigInt64BE(baseTimestamp, BASE_TIMESTAMP_AT);
  batch.writeBigInt64BE(maxTimestamp, MAX_TIMESTAMP_AT);
  batch.writeBigInt64BE(options.producerId, PRODUCER_ID_AT);
  batch.writeInt16BE(options.producerEpoch, PRODUCER_EPOCH_AT);
  batch.writeInt32BE(options.baseSequence, BASE_SEQUENCE_AT);
  batch.writeInt32BE(records.length, COUNT_AT);
  payload.copy(batch, RECORDS_AT);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
  return batch;
}

function writeRecords(records: readonly Pick<KafkaRecord, 'timestamp' | 'body'>[], baseTimestamp: bigint): Buffer {
  const lengths = records.map(
    ({ timestamp, body }, index) => 1 + sizeOfVarlong(timestamp - baseTimestamp) + sizeOfVarint(index) + body.length,
  );
  const payload = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + sizeOfVarint(length) + length, 0));
  let position = 0;
  for (const [index, { timestamp, body }] of records.entries()) {
    position = writeVarint(payload, position, lengths[index] ?? 0);
    payload[position++] = 0;
    position = writeVarlong(payload, position, timestamp - baseTimestamp);
    position = writeVarint(payload, position, index);
    position += body.copy(payload, position);
  }
  return payload;
}

function codecOf(codec: Codec) {
  const algorithm = compressionsAlgorithmsByBitmask[codec];
  if (algorithm === undefined) throw new SplitterError('UnsupportedQueueKind', `compression codec ${codec} is unknown`);
  return algorithm;
}

function decompress(payload: Buffer, codec: Codec): Buffer {
  return codec === 0 ? payload : codecOf(codec).decompressSync(payload);
}

function compress(payload: Buffer, codec: Codec): Buffer {
  return codec === 0 ? payload : codecOf(codec).compressSync(payload);
}

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  cursor.position += length;
  return cursor.buffer.subarray(cursor.position - length, cursor.position);
}

function skipBytes(cursor: Cursor): void {
  const length = readVarint(cursor);
  if (length > 0) cursor.position += length;
}

function readHeadersAt(cursor: Cursor): Header[] {
  const count = readVarint(cursor);
  const headers: Header[] = [];
  for (let index = 0; index < count; index++) {
    const key = readBytes(cursor) ?? Buffer.alloc(0);
    headers.push({ key, value: readBytes(cursor) });
  }
  return headers;
}

function writeBytes(buffer: Buffer, position: number, bytes: Buffer | null): number {
  const at = writeVarint(buffer, position, bytes?.length ?? -1);
  return bytes === null ? at : at + bytes.copy(buffer, at);
}
