// Commits offsets for a group that has none, and takes nothing from it that it commits itself in the same moment. Of several commits the one
// that is later in the group's log wins, whenever a transaction around it ends (kafka-notes Q2): a reader's that comes after ours stays by
// itself, and one that came before ours is seen when ours is written and not committed yet. Only a reader that commits in transactions, and
// had one open, cannot be seen; but a group that reads a topic keeps its offsets on it.
import { SplitterError } from '../../common/errors.ts';
import type { Cluster } from '../../common/kafka/wire/cluster.ts';
import { type Offsets, offsetsBeforeTransactions } from '../../common/kafka/wire/offsets.ts';
import type { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';

/** @throws `GroupUnsettled` (retryable) when the group has committed by now: the transaction must be aborted. */
export async function offerOffsets(
  cluster: Cluster,
  producer: Pick<TransactionalProducer, 'commitOffsets'>,
  group: string,
  topic: string,
  offsets: Offsets,
): Promise<void> {
  await producer.commitOffsets(group, topic, offsets);
  const own = await offsetsBeforeTransactions(cluster, group, topic, [...offsets.keys()]);
  if (own.size === 0) return;
  throw new SplitterError(
    'GroupUnsettled',
    `group ${group} has just committed on topic ${topic}, partition ${[...own.keys()].join(', ')}, itself; that stays`,
    { retryable: true },
  );
}
