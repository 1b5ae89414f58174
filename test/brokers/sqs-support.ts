// What the SQS broker tests share: queues with free names, messages with a number and attributes, everything that a queue holds.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { QueueLocation, Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import { readDepth, totalOf } from '../../common/sqs/depth.ts';
import { waitFor } from '../testbed/wait.ts';

export type Place = QueueLocation & { url: string };

export async function createQueue(
  client: SQSClient,
  name: string,
  attributes: Record<string, string> = {},
): Promise<Place> {
  const unique = `${name}-${randomBytes(4).toString('hex')}`;
  const { QueueUrl: url } = await client.send(new CreateQueueCommand({ QueueName: unique, Attributes: attributes }));
  assert.ok(url);
  return { name: unique, url };
}

export function text(value: string): MessageAttributeValue {
  return { DataType: 'String', StringValue: value };
}

export type Numbered = { id: number; attributes: Record<string, MessageAttributeValue> };

/** Sends in batches of ten; the body holds the number. */
export async function send(client: SQSClient, queue: Place, messages: readonly Numbered[]): Promise<void> {
  for (let start = 0; start < messages.length; start += 10) {
    const Entries = messages.slice(start, start + 10).map(({ id, attributes }) => ({
      Id: String(id),
      MessageBody: JSON.stringify({ id }),
      MessageAttributes: attributes,
    }));
    const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries }));
    assert.deepEqual(Failed, []);
  }
}

/** Takes out everything that is visible now. */
export async function takeAll(client: SQSClient, queue: Place): Promise<Message[]> {
  const taken: Message[] = [];
  for (;;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queue.url,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      }),
    );
    if (Messages.length === 0) return taken;
    taken.push(...Messages);
    const Entries = Messages.map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  }
}

export function idOf(message: Message): number {
  return (JSON.parse(message.Body ?? '') as { id: number }).id;
}

export async function takeIds(client: SQSClient, queue: Place): Promise<number[]> {
  return (await takeAll(client, queue)).map(idOf).toSorted((one, other) => one - other);
}

/** Everything that the queue holds, invisible and delayed messages included. */
export async function count(client: SQSClient, queue: Place): Promise<number> {
  return totalOf(await readDepth(client, queue));
}

export async function waitForCount(
  client: SQSClient,
  queue: Place,
  expected: number,
  deadlineMs = 20_000,
): Promise<void> {
  const isReached = async () => {
    const held = await count(client, queue);
    if (held !== expected) throw new Error(`it holds ${held}`);
    return true;
  };
  await waitFor(`${queue.name} to hold ${expected} messages`, isReached, { deadlineMs, intervalMs: 50 });
}

export function routeTo(session: string, filter: Record<string, string>, destination: Place, second = 0): Route {
  const startedAt = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  return { session, sessionUid: `uid-${session}`, filter, mode: 'steal', destination, startedAt, ending: false };
}

export function splitQueue(
  original: Place,
  fallback: Place,
  routes: Route[],
  more: Partial<SplitQueue> = {},
): SplitQueue {
  return {
    key: 'orders',
    id: 'orders',
    kind: 'SQS',
    connection: {},
    variables: [],
    groupVariables: [],
    original,
    fallback,
    routes,
    forwarding: 'Forward',
    ...more,
  };
}
