// How a received message becomes the same message in another queue, and how such copies fit into batches. Pure: calls nobody.
// Not copied, because only the broker writes it: MessageId, SenderId, SentTimestamp, receive counts, sequence number.
import type { Message, MessageAttributeValue, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs';

/** SendMessageBatch: entries of one call, and bytes of one message as well as of all entries together. */
export const MAX_BATCH_ENTRIES = 10;
export const MAX_BATCH_BYTES = 1_048_576;

/** What to ask of ReceiveMessage so that a copy can be exact. */
export const RECEIVE_EVERYTHING = {
  MessageAttributeNames: ['All'],
  MessageSystemAttributeNames: ['All'],
} as const satisfies { MessageAttributeNames: ['All']; MessageSystemAttributeNames: ['All'] };

/**
 * The copy for a STANDARD queue: body, attributes with their exact types (`Number.int`, `Binary.gif` …), group id (fair queues) and
 * X-Ray trace header. `DelaySeconds` is 0: the message has already served the delay of its first queue.
 */
export function copyOf(message: Message, id: string): SendMessageBatchRequestEntry {
  const groupId = message.Attributes?.MessageGroupId;
  const traceHeader = message.Attributes?.AWSTraceHeader;
  return {
    Id: id,
    MessageBody: message.Body ?? '',
    DelaySeconds: 0,
    ...(message.MessageAttributes === undefined
      ? {}
      : { MessageAttributes: copyAttributes(message.MessageAttributes) }),
    ...(groupId === undefined ? {} : { MessageGroupId: groupId }),
    ...(traceHeader === undefined
      ? {}
      : { MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: traceHeader } } }),
  };
}

function copyAttributes(attributes: Record<string, MessageAttributeValue>): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        DataType,
        ...(StringValue === undefined ? {} : { StringValue }),
        ...(BinaryValue === undefined ? {} : { BinaryValue }),
      },
    ]),
  );
}

/**
 * Bytes that count against the limits: body, attribute names, types and values. Binary values are counted as the base64 text that
 * travels, which is more than their bytes: emulators disagree, and a batch that is a little too small is always accepted.
 */
export function sizeOf(message: Pick<Message, 'Body' | 'MessageAttributes'>): number {
  let bytes = Buffer.byteLength(message.Body ?? '');
  for (const [name, value] of Object.entries(message.MessageAttributes ?? {})) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value.DataType ?? '');
    if (value.StringValue !== undefined) bytes += Buffer.byteLength(value.StringValue);
    if (value.BinaryValue !== undefined) bytes += 4 * Math.ceil(value.BinaryValue.byteLength / 3);
  }
  return bytes;
}

/**
 * How many of the first items make the next batch: at least one (a message that is too large alone is the broker's to refuse), at
 * most ten, together within the limit.
 */
export function batchLength(sizes: Iterable<number>): number {
  let count = 0;
  let bytes = 0;
  for (const size of sizes) {
    bytes += size;
    if (count > 0 && (count === MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES)) return count;
    count += 1;
  }
  return count;
}

/** Cuts a list into batches, in order. */
export function intoBatches<T>(items: readonly T[], sizeOfItem: (item: T) => number): T[][] {
  const batches: T[][] = [];
  let rest = items;
  while (rest.length > 0) {
    const count = batchLength(rest.slice(0, MAX_BATCH_ENTRIES + 1).map(sizeOfItem));
    batches.push(rest.slice(0, count));
    rest = rest.slice(count);
  }
  return batches;
}
