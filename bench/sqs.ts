// `npm run bench [-- MESSAGES]`: how fast one SQS queue is forwarded to fallback and session by an attribute: by our pipeline, and by what one
// would write by hand with the AWS SDK (receive 10 → send 10 → delete 10), one loop and eight at once. Messages of 512 bytes with two
// attributes, 2 % of them for the session; an emulator in its own process on this machine: read ratios, not absolute numbers.
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { QueueLocation, SplitQueue } from '../api/kinds/workload-split.ts';
import { systemClock } from '../common/clock.ts';
import { createSqsClients } from '../common/sqs/client.ts';
import { readDepth, totalOf } from '../common/sqs/depth.ts';
import { createSqsPipeline } from '../sidecar/sqs/pipeline.ts';
import { localPlace } from '../test/testbed/brokers/place.ts';
import { startFauxqs } from '../test/testbed/brokers/sqs.ts';
import { openRun } from '../test/testbed/runs.ts';
import { waitFor } from '../test/testbed/wait.ts';

const BODY = 'x'.repeat(512);
const BATCH = 10;
const SENDERS = 8;
const DEADLINE_MS = 600_000;

type Location = QueueLocation & { url: string };
type Queues = { original: Location; fallback: Location; alice: Location };
type Contestant = {
  name: string;
  /** Resolves when everything has arrived, to what puts away the rest; that is not timed: our pipeline waits for its last long poll. */
  forward: (client: SQSClient, queues: Queues) => Promise<() => Promise<void>>;
};

const total = Number(process.argv[2] ?? '20000');
const CONTESTANTS: readonly Contestant[] = [
  { name: 'plain SDK, 1 loop', forward: (client, queues) => plainLoops(client, queues, 1) },
  { name: 'plain SDK, 8 loops', forward: (client, queues) => plainLoops(client, queues, 8) },
  { name: 'queue-splitter', forward: ourPipeline },
];

const run = openRun();
try {
  const emulator = await startFauxqs(localPlace(run));
  Object.assign(process.env, emulator.environment);
  const client = emulator.client();
  const rates: number[] = [];
  for (const [index, contestant] of CONTESTANTS.entries()) {
    const queues = await createQueues(client, `round-${index}`);
    await fill(client, queues.original);
    rates.push(await measure(contestant, client, queues));
  }
  client.destroy();
  const [one = 0, eight = 0, ours = 0] = rates;
  console.log(`ratio: ${(ours / one).toFixed(2)} of one plain loop, ${(ours / eight).toFixed(2)} of eight`);
} finally {
  await run.destroy();
}

/** Prints and returns messages per second. */
async function measure({ name, forward }: Contestant, client: SQSClient, queues: Queues): Promise<number> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const close = await forward(client, queues);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  await close();
  const copied = (await depthOf(client, queues.fallback)) + (await depthOf(client, queues.alice));
  if (copied !== total) throw new Error(`${name}: ${copied} of ${total} messages arrived`);
  const rate = total / seconds;
  console.log(`${name}: ${Math.round(rate)} messages/s, ${Math.round((user + system) / total)} µs of CPU for one`);
  return rate;
}

async function createQueues(client: SQSClient, prefix: string): Promise<Queues> {
  const create = async (role: string): Promise<Location> => {
    const name = `${prefix}-${role}`;
    const { QueueUrl: url = '' } = await client.send(new CreateQueueCommand({ QueueName: name }));
    return { name, url };
  };
  const [original, fallback, alice] = await Promise.all([create('orders'), create('fallback'), create('alice')]);
  return { original, fallback, alice };
}

async function fill(client: SQSClient, original: Location): Promise<void> {
  const sendBatch = async (start: number): Promise<void> => {
    const Entries = Array.from({ length: Math.min(BATCH, total - start) }, (_, index) => ({
      Id: String(index),
      MessageBody: BODY,
      MessageAttributes: {
        tenant: { DataType: 'String', StringValue: (start + index) % 50 === 0 ? 'alice' : 'other' },
        number: { DataType: 'Number', StringValue: String(start + index) },
      },
    }));
    if (Entries.length > 0) await client.send(new SendMessageBatchCommand({ QueueUrl: original.url, Entries }));
  };
  for (let start = 0; start < total; start += SENDERS * BATCH) {
    await Promise.all(Array.from({ length: SENDERS }, (_, index) => sendBatch(start + BATCH * index)));
  }
}

async function depthOf(client: SQSClient, queue: Location): Promise<number> {
  return totalOf(await readDepth(client, queue));
}

/** Until the queue gives nothing more. Fails where the pipeline would try again: no error is expected here. */
async function plainLoops(client: SQSClient, queues: Queues, count: number): Promise<() => Promise<void>> {
  const loop = async (): Promise<void> => {
    for (;;) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: queues.original.url,
          MaxNumberOfMessages: BATCH,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) return;
      const isAlices = ({ MessageAttributes }: Message) => MessageAttributes?.['tenant']?.StringValue === 'alice';
      await sendCopies(client, queues.alice, Messages.filter(isAlices));
      await sendCopies(
        client,
        queues.fallback,
        Messages.filter((message) => !isAlices(message)),
      );
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await client.send(new DeleteMessageBatchCommand({ QueueUrl: queues.original.url, Entries }));
    }
  };
  await Promise.all(Array.from({ length: count }, loop));
  return async () => undefined;
}

async function sendCopies(client: SQSClient, to: Location, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  const Entries = messages.map(({ Body, MessageAttributes }, index) => ({
    Id: String(index),
    MessageBody: Body,
    MessageAttributes,
  }));
  await client.send(new SendMessageBatchCommand({ QueueUrl: to.url, Entries }));
}

async function ourPipeline(client: SQSClient, { original, fallback, alice }: Queues): Promise<() => Promise<void>> {
  const route = { session: 'alice', sessionUid: 'alice', mode: 'steal', ending: false } as const;
  const queue: SplitQueue = {
    key: 'orders',
    id: 'orders',
    kind: 'SQS',
    connection: {},
    variables: [],
    groupVariables: [],
    original,
    fallback,
    routes: [{ ...route, filter: { tenant: '^alice$' }, destination: alice, startedAt: new Date(0).toISOString() }],
    forwarding: 'Forward',
  };
  const split = { name: 'bench', namespace: 'bench', uid: 'bench', workload: 'bench' };
  const clients = createSqsClients();
  const pipeline = createSqsPipeline(
    queue,
    {
      split,
      onChange: () => undefined,
      mayWrite: () => true,
      othersMayWrite: () => undefined,
      isFallbackRead: () => true,
    },
    { clients, clock: systemClock, random: Math.random },
  );
  await pipeline.apply(queue);
  const isEmpty = async () => (await depthOf(client, original)) === 0;
  await waitFor('the original to be empty', isEmpty, { deadlineMs: DEADLINE_MS, intervalMs: 50 });
  return async () => {
    await pipeline.close();
    clients.close();
  };
}
