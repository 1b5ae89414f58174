// Kafka's extra steps of a split: note where partitions begin, fence every producer before the way back, and give back what a lost target
// had not read. SQS never gets here.
import type { SplitQueue, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { startOffsetsOf } from '../decide/sessions.ts';
import { bumped } from '../decide/spec.ts';
import { remember } from '../garbage/memory.ts';
import type { ActContext } from './context.ts';
import { writeSpec } from './split.ts';

/** Before the restart: where every partition begins. */
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
  await remember(context, await writeSpec(context, split, { ...split.spec, queues }));
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

/** May be repeated: a group that already stands there is left alone, and a copy that somebody read meanwhile is not looked for. */
export async function rewindGroups(context: ActContext, split: WorkloadSplit, keys: readonly string[]): Promise<void> {
  const queues = await changed(split, keys, async (queue) => {
    await context.brokers[queue.kind].rewind(queue);
    return { ...queue, rewound: true };
  });
  await writeSpec(context, split, { ...split.spec, queues });
}

async function changed(
  split: WorkloadSplit,
  keys: readonly string[],
  apply: (queue: SplitQueue) => Promise<SplitQueue>,
): Promise<SplitQueue[]> {
  return await Promise.all(split.spec.queues.map((queue) => (keys.includes(queue.key) ? apply(queue) : queue)));
}
