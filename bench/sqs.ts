// How fast and how expensive the SQS data path is: `node bench/sqs.ts [MESSAGES]`. An emulator in its own process, messages of 512 bytes with
// two attributes, 2 % of them for a session. Prints messages per second and the forwarder's CPU time for one message.
import { CreateQueueCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs';
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
const total = Number(process.argv[2] ?? '20000');

const run = openRun();
try {
  const emulator = await startFauxqs(localPlace(run));
  const client = emulator.client();
  Object.assign(process.env, emulator.environment);

  const create = async (name: string): Promise<QueueLocation & { url: string }> => {
    const { QueueUrl: url = '' } = await client.send(new CreateQueueCommand({ QueueName: name }));
    return { name, url };
  };
  const [original, fallback, alice] = await Promise.all(['orders', 'fallback', 'alice'].map(create));
  if (!original || !fallback || !alice) throw new Error('the queues could not be made');

  const sendBatch = async (start: number): Promise<void> => {
    const Entries = Array.from({ length: 10 }, (_, index) => ({
      Id: String(index),
      MessageBody: BODY,
      MessageAttributes: {
        tenant: { DataType: 'String', StringValue: (start + index) % 50 === 0 ? 'alice' : 'other' },
        number: { DataType: 'Number', StringValue: String(start + index) },
      },
    }));
    await client.send(new SendMessageBatchCommand({ QueueUrl: original.url, Entries }));
  };
  for (let start = 0; start < total; start += 80) {
    await Promise.all(Array.from({ length: 8 }, (_, index) => sendBatch(start + 10 * index)));
  }

  const queue: SplitQueue = {
    key: 'orders',
    id: 'orders',
    kind: 'SQS',
    connection: {},
    variables: [],
    groupVariables: [],
    original,
    fallback,
    routes: [
      {
        session: 'alice',
        sessionUid: 'alice',
        filter: { tenant: '^alice$' },
        mode: 'steal',
        destination: alice,
        startedAt: new Date(0).toISOString(),
        ending: false,
      },
    ],
    forwarding: 'Forward',
  };
  const clients = createSqsClients();
  const pipeline = createSqsPipeline(
    queue,
    { split: { name: 'bench', namespace: 'bench', uid: 'bench' }, onChange: () => undefined, mayWrite: () => true },
    { clients, clock: systemClock, random: Math.random },
  );
  const messages = totalOf(await readDepth(client, original));
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  await pipeline.apply(queue);
  const isEmpty = async () => totalOf(await readDepth(client, original)) === 0;
  await waitFor('the original to be empty', isEmpty, { deadlineMs: 600_000, intervalMs: 50 });
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  console.log(
    `${messages} messages in ${seconds.toFixed(1)} s: ${Math.round(messages / seconds)} messages/s, ` +
      `${Math.round((user + system) / messages)} µs of CPU for one (${Math.round(user / messages)} user, ${Math.round(system / messages)} system)`,
  );
  await pipeline.close();
  clients.close();
  client.destroy();
} finally {
  await run.destroy();
}
