/** The sample shop alone, without a splitter: real programs against real brokers, and the checker finds nothing wrong. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CreateQueueCommand, GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { judge } from '../checker/checker.ts';
import { type History, readProduced, readReceived } from '../checker/history.ts';
import { verdictFaults, verdictTable } from '../checker/table.ts';
import { type Collector, type Producer, startCollector, startProducer, startWorker } from '../shop/programs.ts';
import { createTopic, type KafkaBroker, startKafka } from '../testbed/brokers/kafka.ts';
import { localPlace, type Place } from '../testbed/brokers/place.ts';
import { type SqsEmulator, startElasticMq, startFauxqs } from '../testbed/brokers/sqs.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { ensureElasticMq, ensureKafka } from '../testbed/toolchain/kafka.ts';
import { waitFor } from '../testbed/wait.ts';

const ORDERS_EACH = 300;
const WORKER = { SQS_WAIT_SECONDS: '1', PROCESS_MS: '1' } as const;

async function createQueue(client: SQSClient, name: string): Promise<string> {
  const { QueueUrl: url } = await client.send(
    new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: '5' } }),
  );
  assert.ok(url);
  return url;
}

/** Everything that was acknowledged has arrived: the condition that ends a run, in which nobody guesses a time. */
function allArrived(producer: Producer, collector: Collector): boolean {
  const acknowledged = readProduced(producer.file).filter(({ ackAt }) => ackAt !== null);
  const arrived = new Set(readReceived(collector.file).map(({ id }) => id));
  return acknowledged.length > 0 && acknowledged.every(({ id }) => arrived.has(id));
}

async function finish(producer: Producer, collector: Collector, sent: number): Promise<void> {
  const enough = () => readProduced(producer.file).filter(({ ackAt }) => ackAt !== null).length >= sent;
  await waitFor(`${sent} acknowledged orders`, enough, { deadlineMs: 60_000 });
  await producer.process.stop(20_000);
  await waitFor('all orders at the collector', () => allArrived(producer, collector), { deadlineMs: 30_000 });
}

function assertClean(history: History): void {
  const verdict = judge(history);
  assert.ok(verdict.ok, [verdictTable(history), ...verdictFaults(verdict)].join('\n'));
}

describe('the shop', () => {
  let run: Run;
  let place: Place;
  before(() => {
    run = openRun();
    place = localPlace(run);
  });
  after(() => run.destroy());

  const sqsLoop = async (emulator: SqsEmulator): Promise<void> => {
    const client = emulator.client();
    const urls = await Promise.all(['orders', 'invoices'].map((name) => createQueue(client, name)));
    const collector = await startCollector(place);
    const common = { ...WORKER, ...emulator.environment, HISTORY_URL: collector.url };
    const workers = await Promise.all([
      startWorker(place, 'orders-worker', { ...common, ORDERS_QUEUE: 'orders', WORKER_INSTANCE: 'orders-1' }),
      startWorker(place, 'orders-worker', { ...common, ORDERS_QUEUE: urls[0] ?? '', WORKER_INSTANCE: 'orders-2' }),
      startWorker(place, 'invoices-worker', { ...common, INVOICES_QUEUE: 'invoices', WORKER_INSTANCE: 'invoices-1' }),
    ]);
    const producer = await startProducer(place, {
      ...emulator.environment,
      SQS_QUEUES: 'orders,invoices',
      RATE: '150',
      MAX_ORDERS: String(ORDERS_EACH),
    });
    await finish(producer, collector, 2 * ORDERS_EACH);
    await Promise.all(workers.map((worker) => worker.stop(10_000)));
    const endings = await Promise.all(workers.map((worker) => worker.ended));
    assert.deepEqual(endings, Array(3).fill({ code: 0, signal: null }), 'workers end by themselves on SIGTERM');
    const history: History = {
      produced: readProduced(producer.file),
      received: readReceived(collector.file),
      sessions: [],
      workloads: ['orders', 'invoices'].map((source) => ({ reader: `${source}-worker`, kind: 'sqs', source })),
    };
    assertClean(history);
    assert.equal(new Set(history.received.map(({ instance }) => instance)).size, 3, 'every worker got something');
    for (const url of urls) {
      const { Attributes: left } = await client.send(
        new GetQueueAttributesCommand({
          QueueUrl: url,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      assert.deepEqual(left, { ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '0' });
    }
    client.destroy();
    await Promise.all([emulator.stop(), collector.process.stop()]);
  };

  it('moves every order through SQS (fauxqs) without loss', async () => {
    await sqsLoop(await startFauxqs(place));
  });

  it('moves every order through SQS (ElasticMQ) without loss', async (context) => {
    const program = await ensureElasticMq();
    if (!program.available) return context.skip(`${program.reason} ${program.howToGet}`);
    await sqsLoop(await startElasticMq(place, program));
  });

  it('moves every order through Kafka in order and once', async (context) => {
    const program = await ensureKafka();
    if (!program.available) return context.skip(`${program.reason} ${program.howToGet}`);
    const broker: KafkaBroker = await startKafka(place, program, { autoCreateTopics: false });
    const admin = broker.client().admin();
    await admin.connect();
    await createTopic(admin, 'orders', 4);
    const collector = await startCollector(place);
    const kafka = { KAFKA_BROKERS: broker.bootstrapServers, KAFKA_TOPIC: 'orders' };
    const common = { ...WORKER, ...kafka, KAFKA_GROUP: 'orders-worker', HISTORY_URL: collector.url };
    const workers = await Promise.all(
      ['orders-1', 'orders-2'].map((instance) =>
        startWorker(place, 'orders-worker', { ...common, WORKER_INSTANCE: instance }),
      ),
    );
    // A plain consumer starts at the end of a partition for which its group has no offset; so the orders wait for both members.
    await waitFor(
      'both workers in the group',
      async () => {
        const { groups } = await admin.describeGroups(['orders-worker']);
        return groups[0]?.state === 'Stable' && groups[0].members.length === 2;
      },
      { deadlineMs: 30_000 },
    );
    const producer = await startProducer(place, { ...kafka, RATE: '150', MAX_ORDERS: String(ORDERS_EACH) });
    await finish(producer, collector, ORDERS_EACH);
    await Promise.all(workers.map((worker) => worker.stop(15_000)));
    const history: History = {
      produced: readProduced(producer.file),
      received: readReceived(collector.file),
      sessions: [],
      workloads: [{ reader: 'orders-worker', kind: 'kafka', source: 'orders' }],
    };
    assertClean(history);
    assert.equal(judge(history).acknowledged, ORDERS_EACH);
    assert.equal(new Set(history.received.map(({ instance }) => instance)).size, 2, 'every worker got something');
    await admin.disconnect();
    await Promise.all([broker.stop(), collector.process.stop()]);
  });
});
