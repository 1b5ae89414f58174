// One BrokerAdmin for each kind of queue. A new kind of broker is added here and in its own folder, and nowhere else in the controller.
import type { QueueKind } from '../../api/kinds/common.ts';
import { createPropertiesResolver } from '../../common/kafka/client-configs.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import type { Log } from '../../common/log.ts';
import { createSqsClients } from '../../common/sqs/client.ts';
import type { BrokerAdmin } from './broker.ts';
import { createKafkaAdmin } from './kafka/admin.ts';
import { createSqsAdmin } from './sqs/admin.ts';

export type Brokers = { admins: Record<QueueKind, BrokerAdmin>; close(): Promise<void> };

/** Connections are made when they are needed; `close` ends them. */
export function createBrokers(client: KubeClient, namespace: string, log: Log): Brokers {
  const sqs = createSqsClients();
  const kafka = createKafkaAdmin(createPropertiesResolver(client, namespace));
  return {
    admins: { SQS: createSqsAdmin(sqs, log), Kafka: kafka },
    async close() {
      sqs.close();
      await kafka.close();
    },
  };
}
