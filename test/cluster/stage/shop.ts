// The shop on the stage: its queues and topic in the brokers, its workloads in the cluster. Knows nothing of splitting.
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { SHOP_WORKER } from '../../shop/image.ts';
import { INVOICES_QUEUE, ORDERS_QUEUE, ORDERS_WORKER, SHOP_NAMESPACE, shopObjects } from '../../shop/manifests.ts';
import { createTopic, type KafkaBroker } from '../../testbed/brokers/kafka.ts';
import type { SqsEmulator } from '../../testbed/brokers/sqs.ts';
import type { Cluster } from '../../testbed/cluster.ts';
import { waitFor } from '../../testbed/wait.ts';

export const TOPIC = 'orders';
export const GROUP = 'orders-worker';
const PARTITIONS = 4;
const REPLICAS = 3;

export async function createQueues(sqs: SqsEmulator, kafka: KafkaBroker | undefined): Promise<void> {
  const client = sqs.client();
  for (const QueueName of [ORDERS_QUEUE, INVOICES_QUEUE]) {
    await client.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '10' } }));
  }
  client.destroy();
  if (!kafka) return;
  const admin = kafka.client().admin();
  await admin.connect();
  await createTopic(admin, TOPIC, PARTITIONS);
  await admin.disconnect();
}

type Deployment = { image: string; sqs: SqsEmulator; kafka: KafkaBroker | undefined; historyUrl: string };

/** Resolves when every worker reads. */
export async function deployShop(cluster: Cluster, { image, sqs, kafka, historyUrl }: Deployment): Promise<void> {
  const objects = shopObjects({
    image,
    program: SHOP_WORKER,
    sqs: sqs.environment,
    ...(kafka ? { kafka: { brokers: kafka.bootstrapServers, topic: TOPIC, group: GROUP } } : {}),
    historyUrl,
    replicas: REPLICAS,
  });
  // The namespace first: objects of one list are not applied in an order that one could rely on.
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
      return groups[0]?.state === 'Stable' && groups[0].members.length === REPLICAS;
    },
    { deadlineMs: 60_000 },
  );
  await admin.disconnect();
}
