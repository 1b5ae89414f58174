/** Where the producer sends to. Each sink sends one message as it is and says where the broker put it; it throws when it does not know. */
import { GetQueueUrlCommand, type MessageAttributeValue, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type IHeaders, Kafka, logLevel } from 'kafkajs';
import type { Attribute, QueueKind } from '../checker/history.ts';
import type { Message } from './order-book.ts';

export type Sink = {
  readonly kind: QueueKind;
  readonly source: string;
  readonly send: (message: Message) => Promise<{ partition: number | null; offset: number | null }>;
  readonly close: () => Promise<void>;
};

function sqsAttribute({ type, value, base64 }: Attribute): MessageAttributeValue {
  return base64 === true
    ? { DataType: type, BinaryValue: Buffer.from(value, 'base64') }
    : { DataType: type, StringValue: value };
}

export async function openQueue(queue: string): Promise<Sink> {
  const client = new SQSClient({});
  const { QueueUrl: url } = await client.send(new GetQueueUrlCommand({ QueueName: queue }));
  return {
    kind: 'sqs',
    source: queue,
    send: async ({ body, attributes }) => {
      const entries = attributes.map((attribute) => [attribute.name, sqsAttribute(attribute)] as const);
      await client.send(
        new SendMessageCommand({ QueueUrl: url, MessageBody: body, MessageAttributes: Object.fromEntries(entries) }),
      );
      return { partition: null, offset: null };
    },
    close: async () => client.destroy(),
  };
}

/** kafkajs keeps the order in which the names were added, and writes the values of a repeated header one after the other. */
function kafkaHeaders(attributes: readonly Attribute[]): IHeaders {
  const headers: Record<string, Buffer[]> = {};
  for (const { name, value, base64 } of attributes) {
    const values = headers[name] ?? [];
    values.push(Buffer.from(value, base64 === true ? 'base64' : 'utf8'));
    headers[name] = values;
  }
  return headers;
}

export async function openTopic(brokers: string[], topic: string): Promise<Sink> {
  const producer = new Kafka({ clientId: 'shop-producer', brokers, logLevel: logLevel.WARN }).producer({
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return {
    kind: 'kafka',
    source: topic,
    send: async ({ key, body, attributes }) => {
      const [stored] = await producer.send({
        topic,
        acks: -1,
        messages: [{ key, value: body, headers: kafkaHeaders(attributes) }],
      });
      if (stored?.baseOffset === undefined) throw new Error(`Kafka did not say where it put the record in ${topic}`);
      return { partition: stored.partition, offset: Number(stored.baseOffset) };
    },
    close: () => producer.disconnect(),
  };
}
