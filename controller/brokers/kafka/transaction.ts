// One transaction of the controller: begun by taking its id, and aborted when anything in it fails.
import type { Cluster } from '../../../common/kafka/wire/cluster.ts';
import { TransactionalProducer } from '../../../common/kafka/wire/transactional-producer.ts';

/**
 * What another controller has begun under this id is over before `work` begins; `work` leaves the commit to us.
 * @param transactionalId used for nothing else, so that no forwarder is fenced.
 */
export async function inTransaction<Result>(
  cluster: Cluster,
  transactionalId: string,
  work: (producer: TransactionalProducer) => Promise<Result>,
): Promise<Result> {
  const producer = new TransactionalProducer(cluster, transactionalId);
  await producer.take();
  try {
    const result = await work(producer);
    await producer.commit();
    return result;
  } catch (error) {
    await producer.abort().catch(() => undefined);
    throw error;
  }
}
