// Produce v9 inside a transaction, with batches that are already encoded, and how records are cut into batches.
import { type Connection, createAPI, ProduceAcks, produceV9, Writer } from '@platformatic/kafka';
import { call } from './call.ts';
import type { KafkaRecord } from './record-batch.ts';

export type OutgoingRecord = Pick<KafkaRecord, 'timestamp' | 'body' | 'codec'>;
export type EncodedPartition = { topic: string; partition: number; batch: Buffer };
export type ProduceResult = { topic: string; partition: number; errorCode: number; errorMessage: string | null };

const PRODUCE_TIMEOUT_MS = 10_000;

const PRODUCE = createAPI<[string, EncodedPartition[]], ReturnType<typeof produceV9.parseResponse>>(
  0,
  9,
  (transactionalId: string, partitions: EncodedPartition[]) =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt16(ProduceAcks.ALL)
      .appendInt32(PRODUCE_TIMEOUT_MS)
      .appendArray([...byTopic(partitions)], (writer, [topic, entries]) => {
        writer.appendString(topic).appendArray(entries, (inner, { partition, batch }) => {
          inner
            .appendInt32(partition)
            .appendUnsignedVarInt(batch.length + 1)
            .append(batch);
        });
      })
      .appendTaggedFields(),
  produceV9.parseResponse,
);

/** Kafka takes exactly one batch per partition and request. */
export async function produceBatches(
  leader: Connection,
  transactionalId: string,
  partitions: EncodedPartition[],
): Promise<ProduceResult[]> {
  const response = await call(leader, PRODUCE, transactionalId, partitions);
  return response.responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map((entry) => ({
      topic: name,
      partition: entry.index,
      errorCode: entry.errorCode,
      errorMessage: entry.errorMessage ?? null,
    })),
  );
}

/** Cuts records into batches of one codec and at most `maxBytes` uncompressed; a larger record gets a batch of its own. */
export function cutBatches(records: readonly OutgoingRecord[], maxBytes: number): OutgoingRecord[][] {
  const batches: OutgoingRecord[][] = [];
  let current: OutgoingRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = record.body.length + PER_RECORD_BYTES;
    if (current.length > 0 && (bytes + size > maxBytes || current[0]?.codec !== record.codec)) {
      batches.push(current);
      current = [];
      bytes = 0;
    }
    current.push(record);
    bytes += size;
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/** More than length, attributes, timestamp and offset of a record ever take. */
const PER_RECORD_BYTES = 24;

function byTopic(partitions: readonly EncodedPartition[]): Map<string, EncodedPartition[]> {
  return Map.groupBy(partitions, ({ topic }) => topic);
}
