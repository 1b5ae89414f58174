// One BrokerAdmin for each kind of queue. A new kind of broker is added here and in its own folder, and nowhere else in the controller.
import type { QueueKind } from '../../api/kinds/common.ts';
import { systemClock } from '../../common/clock.ts';
import { createPropertiesResolver } from '../../common/kafka/client-configs.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import { type Log, warnOnce } from '../../common/log.ts';
import { createSqsClients } from '../../common/sqs/client.ts';
import type { GarbageBrokers } from '../garbage/sweep.ts';
import type { BrokerAdmin } from './broker.ts';
import { createKafkaAdmin } from './kafka/admin.ts';
import { createSqsAdmin } from './sqs/admin.ts';
import { collectQueue, createSqsCollector, findQueues } from './sqs/orphans.ts';

export type Brokers = {
  admins: Record<QueueKind, BrokerAdmin>;
  /** For what splits that are gone have left. */
  garbage: GarbageBrokers;
  close(): Promise<void>;
};

export type BrokersOptions = {
  kinds: ReadonlySet<QueueKind>;
  sqsEmptyConfirmationMs: number;
};

/** Connections are made when they are needed; `close` ends them. */
export function createBrokers(client: KubeClient, namespace: string, options: BrokersOptions, log: Log): Brokers {
  const clients = createSqsClients();
  const kafka = createKafkaAdmin(createPropertiesResolver(client, namespace, log));
  const quiet = warnOnce(log);
  const sqs = { clients, emptyConfirmationMs: options.sqsEmptyConfirmationMs, clock: systemClock, log };
  return {
    admins: { SQS: createSqsAdmin(clients, log), Kafka: kafka },
    garbage: {
      collectors: { SQS: createSqsCollector(sqs), Kafka: kafka.collect },
      ...(options.kinds.has('SQS')
        ? { findQueues: (connection, clusterUid, known) => findQueues(clients, connection, clusterUid, known, quiet) }
        : {}),
      collectQueue: (queue, signal) => collectQueue(sqs, queue, signal),
    },
    async close() {
      clients.close();
      await kafka.close();
    },
  };
}
