// Kafka's two extra steps of a split: note where partitions begin, and fence every producer before the way back. SQS never gets here.
import type { SplitQueue, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { startOffsetsOf } from '../decide/sessions.ts';
import { bumped } from '../decide/spec.ts';
import type { ActContext } from './context.ts';
import { writeSpec } from './split.ts';

/** Before the restart: where a partition begins that the application's group never committed. */
export async function recordStartOffsets(
  context: ActContext,
  split: WorkloadSplit,
  keys: readonly string[],
): Promise<void> {
  const uid = split.metadata.uid ?? '';
  const queues = await changed(split, keys, async (queue) => {
    const broker = context.brokers[queue.kind];
    const start = await context.failures.attempt(uid, startOffsetsOf(queue.key), () => broker.startOffsets(queue));
    return start === undefined ? queue : { ...queue, start };
  });
  await writeSpec(context, split, { ...split.spec, queues });
}

/** From here on nobody can move the group's offsets; there is no way back to forwarding in this split. */
export async function fenceProducers(
  context: ActContext,
  split: WorkloadSplit,
  keys: readonly string[],
): Promise<void> {
  const queues = await changed(split, keys, async (queue) => {
    await context.brokers[queue.kind].fence(queue);
    return { ...queue, fenced: true };
  });
  await writeSpec(context, split, bumped({ ...split.spec, queues }));
}

async function changed(
  split: WorkloadSplit,
  keys: readonly string[],
  apply: (queue: SplitQueue) => Promise<SplitQueue>,
): Promise<SplitQueue[]> {
  return await Promise.all(split.spec.queues.map((queue) => (keys.includes(queue.key) ? apply(queue) : queue)));
}
