/** The worker's SQS half: several loops of receive 10 → handle → delete, with the plain AWS client configured by the usual environment. */
import { setTimeout as pause } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type Environment, numberOr } from './environment.ts';
import { attributesOfSqs } from './order.ts';
import type { Handler, Reading } from './worker.ts';

const PAUSE_AFTER_ERROR_MS = 500;

async function urlOf(client: SQSClient, nameOrUrl: string): Promise<string> {
  if (nameOrUrl.includes('://')) return nameOrUrl;
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: nameOrUrl }));
  if (QueueUrl === undefined) throw new Error(`SQS gave no URL for the queue ${nameOrUrl}`);
  return QueueUrl;
}

/** Throws when the queue does not exist: the container is then restarted by whoever runs it. */
export async function consumeQueue(environment: Environment, nameOrUrl: string, handle: Handler): Promise<Reading> {
  const client = new SQSClient({});
  const url = await urlOf(client, nameOrUrl);
  const readFrom = url.slice(url.lastIndexOf('/') + 1);
  const waitSeconds = numberOr(environment, 'SQS_WAIT_SECONDS', 5);
  let stopping = false;

  const handleOne = async (message: Message): Promise<string | undefined> => {
    try {
      await handle({
        kind: 'sqs',
        key: message.Attributes?.MessageGroupId ?? null,
        body: message.Body ?? '',
        attributes: attributesOfSqs(message.MessageAttributes),
        readFrom,
        partition: null,
        offset: null,
      });
      return message.ReceiptHandle;
    } catch (error) {
      console.error(`could not handle message ${message.MessageId}, it will come again:`, error);
      return undefined;
    }
  };

  const receive = async () => {
    const { Messages: messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: waitSeconds,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      }),
    );
    const handled = (await Promise.all(messages.map(handleOne))).filter((receipt) => receipt !== undefined);
    if (handled.length === 0) return;
    const entries = handled.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
    const { Failed: failed } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: entries }));
    for (const failure of failed ?? []) console.error(`could not delete a message: ${failure.Code} ${failure.Message}`);
  };

  const loop = async () => {
    while (!stopping) {
      try {
        await receive();
      } catch (error) {
        console.error(`reading ${readFrom} failed, trying again:`, error);
        await pause(PAUSE_AFTER_ERROR_MS);
      }
    }
  };

  const loops = Array.from({ length: numberOr(environment, 'SQS_RECEIVERS', 2) }, loop);
  return {
    stop: async () => {
      stopping = true;
      await Promise.all(loops);
      client.destroy();
    },
  };
}
