// The stage of every cluster test and of the demo: a real cluster, real brokers, the sample shop with producers that never pause, and our
// chart. It tells no story and judges nothing.
import { type ProducedLine, readProduced, readReceived } from '../../checker/history.ts';
import { INVOICES_QUEUE, kafkaResources, ORDERS_QUEUE, queueRegistry } from '../../shop/manifests.ts';
import { type Collector, type Producer, startCollector, startProducer } from '../../shop/programs.ts';
import { type KafkaBroker, startKafka } from '../../testbed/brokers/kafka.ts';
import { clusterPlace, type Place } from '../../testbed/brokers/place.ts';
import { type SqsEmulator, startFauxqs } from '../../testbed/brokers/sqs.ts';
import { type Cluster, startCluster } from '../../testbed/cluster.ts';
import { createProgress, type Progress } from '../../testbed/progress.ts';
import { ensureKafka, type JavaProgram } from '../../testbed/toolchain/kafka.ts';
import { waitFor } from '../../testbed/wait.ts';
import { openExternal } from './external.ts';
import { bringImages, buildImages, type StageImages } from './images.ts';
import { installChart, OPERATOR_NAMESPACE } from './installation.ts';
import { createQueues, deployShop, TOPIC } from './shop.ts';

export { TOPIC } from './shop.ts';

export type StageOptions = {
  /** Without it, or where there is no JDK, only the SQS half is played. */
  kafka?: boolean;
  /** The queues outlive a kill of the SQS emulator. */
  durableSqs?: boolean;
  /** Orders a second. */
  rate?: number;
  /** Values for the chart, as `--set`. */
  values?: Readonly<Record<string, string>>;
  progress?: Progress;
  /** An existing cluster instead of one of our own. It must have neither the shop's namespace nor ours; both are removed at the end. */
  kubeconfig?: string;
  /** With `kubeconfig`: the images have been brought to its nodes already. */
  imagesAreThere?: boolean;
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
  /** Starts producers again, outside of the play: nobody judges what they send. */
  resume(): Promise<void>;
  close(): Promise<void>;
};

type Brokers = Pick<Stage, 'sqs' | 'kafka' | 'collector'>;

/** Fails with a sentence, and leaves nothing behind then. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const progress = options.progress ?? createProgress();
  const cluster =
    options.kubeconfig === undefined
      ? await startCluster({ audit: true, progress })
      : await openExternal(options.kubeconfig, progress);
  try {
    return await furnish(cluster, options, progress);
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

async function furnish(cluster: Cluster, options: StageOptions, progress: Progress): Promise<Stage> {
  const place = clusterPlace(cluster);
  const program = options.kafka ? await ensureKafka() : undefined;
  const [brokers, images] = await Promise.all([
    progress.step('Starting the brokers', () => startBrokers(place, program, options.durableSqs ?? false)),
    progress.step('Building the images of queue-splitter and of the shop', async (detail) => {
      const built = await buildImages();
      detail('loading them');
      await bringImages(cluster, built, options);
      return built;
    }),
  ]);
  await openShop(cluster, images, brokers, options, progress);
  const produce = (seed: number) => startProducer(place, producerVariables(brokers, options.rate ?? 20, seed));
  const producer = await produce(1);
  return {
    cluster,
    place,
    ...brokers,
    kafkaMissing: program && !program.available ? `${program.reason} ${program.howToGet}` : undefined,
    producer,
    async finish(deadlineMs = 120_000) {
      await producer.process.stop(20_000);
      const isHandled = (): boolean => {
        const left = unhandled(producer, brokers.collector);
        if (left.length > 0)
          throw new Error(`${left.length} are not: ${left.slice(0, 5).map(describeLine).join(', ')}`);
        return true;
      };
      await waitFor('every acknowledged message to be handled', isHandled, { deadlineMs, intervalMs: 300 });
    },
    async resume() {
      await produce(2);
    },
    close: () => cluster.close(),
  };
}

async function startBrokers(place: Place, program: JavaProgram | undefined, durable: boolean): Promise<Brokers> {
  const [sqs, kafka, collector] = await Promise.all([
    startFauxqs(place, { durable }),
    program?.available ? startKafka(place, program) : undefined,
    startCollector(place),
  ]);
  await createQueues(sqs, kafka);
  return { sqs, kafka, collector };
}

/** The shop as it was before anybody thought of splitting, then our chart, then what tells it of the shop's queues. */
async function openShop(
  cluster: Cluster,
  images: StageImages,
  { sqs, kafka, collector }: Brokers,
  options: StageOptions,
  progress: Progress,
): Promise<void> {
  await progress.step('Deploying the shop', () =>
    deployShop(cluster, { image: images.shop.name, sqs, kafka, historyUrl: collector.url }),
  );
  await progress.step('Installing queue-splitter with helm', () =>
    installChart(cluster, sqs.environment, options.values ?? {}),
  );
  await cluster.apply([queueRegistry(), ...(kafka ? kafkaResources(kafka.bootstrapServers, OPERATOR_NAMESPACE) : [])]);
}

function producerVariables({ sqs, kafka }: Brokers, rate: number, seed: number): Readonly<Record<string, string>> {
  return {
    ...sqs.environment,
    SQS_QUEUES: `${ORDERS_QUEUE},${INVOICES_QUEUE}`,
    ...(kafka ? { KAFKA_TOPIC: TOPIC, KAFKA_BROKERS: kafka.bootstrapServers } : {}),
    RATE: String(rate),
    SEED: String(seed),
  };
}

function unhandled(producer: Producer, collector: Collector): ProducedLine[] {
  const handled = new Set(readReceived(collector.file).map((line) => line.id));
  return readProduced(producer.file).filter((line) => line.ackAt !== null && !handled.has(line.id));
}

function describeLine({ id, kind, source, partition, offset, attemptAt }: ProducedLine): string {
  const place = partition === null ? source : `${source} ${partition}/${offset}`;
  return `${kind} ${id} in ${place}, sent at ${new Date(attemptAt).toISOString()}`;
}
