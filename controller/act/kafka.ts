// Kafka's extra steps of a split: note where partitions begin, fence every producer before the way back, and give back what a lost target,
// or one whose drain was given up, had not read. SQS never gets here.
import type { SplitQueue, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../../common/errors.ts';
import { startOffsetsOf } from '../decide/sessions.ts';
import { bumped } from '../decide/spec.ts';
import { remember } from '../garbage/memory.ts';
import type { ActContext } from './context.ts';
import { warn, writeSpec } from './split.ts';

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
    const { moved, missing, fallbackEnd } = await context.brokers[queue.kind].rewind(queue);
    if (missing > 0 && split.spec.phase === 'Restoring') throw onlyInFallback(queue, missing);
    if (moved.length > 0) warn(context, split, { reason: 'Rewound', message: rewoundText(queue, moved) });
    return { ...queue, rewound: true, fallbackEnd };
  });
  await writeSpec(context, split, { ...split.spec, queues });
}

/** May be repeated: what was sent to the original once is not sent again. */
export async function returnOwnRecords(
  context: ActContext,
  split: WorkloadSplit,
  keys: readonly string[],
): Promise<void> {
  const queues = await changed(split, keys, async (queue) => {
    const count = await context.brokers[queue.kind].returnOwn(queue);
    const { fallbackEnd: _, ...rest } = queue;
    if (count > 0) warn(context, split, { reason: 'OwnRecordsReturned', message: returnedText(queue, count) });
    return rest;
  });
  await writeSpec(context, split, { ...split.spec, queues });
}

function returnedText({ original, fallback }: SplitQueue, count: number): string {
  return `${count} records that the target itself sent to topic ${fallback.name} while it was restored lie in topic ${original.name} now`;
}

/** The target lives and can still read them, so they are kept until it has. */
function onlyInFallback({ original, fallback }: SplitQueue, missing: number): SplitterError {
  return new SplitterError(
    'QueueNotFound',
    `${missing} unread records of topic ${fallback.name} are in the original ${original.name} no more (retention or compaction); waiting for the target to read them`,
    { retryable: true },
  );
}

function rewoundText({ original }: SplitQueue, moved: readonly { partition: number; offset: string }[]): string {
  const positions = moved.map(({ partition, offset }) => `${partition}:${offset}`).join(', ');
  return `group ${original.group} reads topic ${original.name} again from partition:offset ${positions}; records behind it that were read already are read twice`;
}

async function changed(
  split: WorkloadSplit,
  keys: readonly string[],
  apply: (queue: SplitQueue) => Promise<SplitQueue>,
): Promise<SplitQueue[]> {
  return await Promise.all(split.spec.queues.map((queue) => (keys.includes(queue.key) ? apply(queue) : queue)));
}
