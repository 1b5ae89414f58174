// Kafka's two extra steps of a split: note where partitions begin, and fence every producer before the way back. SQS never gets here.
import type { SplitQueue, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import type { ActContext } from './context.ts';
import { writeSpec } from './split.ts';

/** Before the restart: where a partition begins that the application's group never committed. */
export async function recordStartOffsets(
  context: ActContext,
  split: WorkloadSplit,
  keys: readonly string[],
): Promise<void> {
  await change(context, split, keys, async (queue) => {
    const offsets = await context.brokers[queue.kind].startOffsets(queue);
    return { ...queue, start: offsets.map(({ partition, offset }) => ({ partition, offset: String(offset) })) };
  });
}

/** From here on nobody can move the group's offsets; there is no way back to forwarding in this split. */
export async function fenceProducers(
  context: ActContext,
  split: WorkloadSplit,
  keys: readonly string[],
): Promise<void> {
  await change(context, split, keys, async (queue) => {
    await context.brokers[queue.kind].fence(queue);
    return { ...queue, fenced: true };
  });
}

async function change(
  context: ActContext,
  split: WorkloadSplit,
  keys: readonly string[],
  apply: (queue: SplitQueue) => Promise<SplitQueue>,
): Promise<void> {
  const queues = await Promise.all(split.spec.queues.map((queue) => (keys.includes(queue.key) ? apply(queue) : queue)));
  await writeSpec(context, split, { ...split.spec, queues });
}
