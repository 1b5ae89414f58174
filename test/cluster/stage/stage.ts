// The stage of every cluster test and of the demo: a real cluster, real brokers, the sample shop with producers that never pause, and our
// chart. It tells no story and judges nothing.
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { readProduced, readReceived } from '../../checker/history.ts';
import { buildShopImage, SHOP_WORKER } from '../../shop/image.ts';
import {
  INVOICES_QUEUE,
  kafkaResources,
  ORDERS_QUEUE,
  ORDERS_WORKER,
  queueRegistry,
  SHOP_NAMESPACE,
  shopObjects,
} from '../../shop/manifests.ts';
import { type Collector, type Producer, startCollector, startProducer } from '../../shop/programs.ts';
import { type KafkaBroker, startKafka } from '../../testbed/brokers/kafka.ts';
import { clusterPlace, type Place } from '../../testbed/brokers/place.ts';
import { type SqsEmulator, startFauxqs } from '../../testbed/brokers/sqs.ts';
import { type Cluster, startCluster } from '../../testbed/cluster.ts';
import { buildProductImage } from '../../testbed/product-image.ts';
import type { Progress } from '../../testbed/progress.ts';
import { ensureKafka } from '../../testbed/toolchain/kafka.ts';
import { waitFor } from '../../testbed/wait.ts';
import { installChart, OPERATOR_NAMESPACE } from './installation.ts';

export const TOPIC = 'orders';
export const GROUP = 'orders-worker';
const PARTITIONS = 4;

export type StageOptions = {
  /** Without it, or where there is no JDK, only the SQS half is played. */
  kafka?: boolean;
  audit?: boolean;
  /** Orders a second. */
  rate?: number;
  /** Values for the chart, as `--set`. */
  values?: Readonly<Record<string, string>>;
  progress?: Progress;
};

export type Stage = {
  cluster: Cluster;
  place: Place;
  sqs: SqsEmulator;
  kafka: KafkaBroker | undefined;
  /** Why there is no Kafka although it was asked for. */
  kafkaMissing: string | undefined;
  collector: Collector;
  producer: Producer;
  /** Stops the producers and waits until every acknowledged message was handled by somebody. */
  finish(deadlineMs?: number): Promise<void>;
  close(): Promise<void>;
};

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const cluster = await startCluster({
    audit: options.audit ?? false,
    ...(options.progress ? { progress: options.progress } : {}),
  });
  try {
    return await furnish(cluster, options);
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

async function furnish(cluster: Cluster, options: StageOptions): Promise<Stage> {
  const place = clusterPlace(cluster);
  const program = options.kafka ? await ensureKafka() : undefined;
  const [sqs, kafka, shopImage, productImage, collector] = await Promise.all([
    startFauxqs(place),
    program?.available ? startKafka(place, program) : undefined,
    buildShopImage(),
    buildProductImage(),
    startCollector(place),
  ]);
  await cluster.loadImage(shopImage.tarPath);
  await cluster.loadImage(productImage.tarPath);
  await createQueues(sqs, kafka);
  await deployShop(cluster, shopImage.name, sqs, kafka, collector);
  await installChart(cluster, sqs.environment, options.values ?? {});
  await cluster.apply([queueRegistry(), ...(kafka ? kafkaResources(kafka.bootstrapServers, OPERATOR_NAMESPACE) : [])]);
  const producer = await startProducer(place, {
    ...sqs.environment,
    SQS_QUEUES: `${ORDERS_QUEUE},${INVOICES_QUEUE}`,
    ...(kafka ? { KAFKA_TOPIC: TOPIC, KAFKA_BROKERS: kafka.bootstrapServers } : {}),
    RATE: String(options.rate ?? 20),
  });
  return {
    cluster,
    place,
    sqs,
    kafka,
    kafkaMissing: program && !program.available ? `${program.reason}. ${program.howToGet}` : undefined,
    collector,
    producer,
    async finish(deadlineMs = 120_000) {
      await producer.process.stop(20_000);
      await waitFor('every acknowledged message to be handled', () => unhandled(producer, collector) === 0, {
        deadlineMs,
      });
    },
    async close() {
      await cluster.close();
    },
  };
}

function unhandled(producer: Producer, collector: Collector): number {
  const handled = new Set(readReceived(collector.file).map((line) => line.id));
  return readProduced(producer.file).filter((line) => line.ackAt !== null && !handled.has(line.id)).length;
}

async function createQueues(sqs: SqsEmulator, kafka: KafkaBroker | undefined): Promise<void> {
  const client = sqs.client();
  for (const QueueName of [ORDERS_QUEUE, INVOICES_QUEUE]) {
    await client.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '10' } }));
  }
  if (!kafka) return;
  const admin = kafka.client().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }] });
  await admin.disconnect();
}

async function deployShop(
  cluster: Cluster,
  image: string,
  sqs: SqsEmulator,
  kafka: KafkaBroker | undefined,
  collector: Collector,
): Promise<void> {
  const objects = shopObjects({
    image,
    program: SHOP_WORKER,
    sqs: sqs.environment,
    ...(kafka ? { kafka: { brokers: kafka.bootstrapServers, topic: TOPIC, group: GROUP } } : {}),
    historyUrl: collector.url,
  });
  await cluster.apply(objects.slice(0, 1));
  await cluster.apply(objects);
  await cluster.kubectl(['rollout', 'status', `deployment/${ORDERS_WORKER}`, '-n', SHOP_NAMESPACE, '--timeout=120s']);
  if (kafka) await untilGroupStable(kafka);
}

/** Workers begin at the end of the log: what is sent before all of them have joined would not be theirs. */
async function untilGroupStable(kafka: KafkaBroker): Promise<void> {
  const admin = kafka.client().admin();
  await admin.connect();
  await waitFor(
    'the deployed consumers to have joined their group',
    async () => {
      const { groups } = await admin.describeGroups([GROUP]);
      return groups[0]?.state === 'Stable' && groups[0].members.length === 3;
    },
    { deadlineMs: 60_000 },
  );
  await admin.disconnect();
}
