// What the brokers say about the queues of a split, asked only in the phases that need it. One answer is never enough: it must hold for a while.

import type { QueueKind } from '../../api/kinds/common.ts';
import type { SplitPhase, SplitQueue, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { toSplitterError } from '../../common/errors.ts';
import type { BrokerAdmin } from '../brokers/broker.ts';
import type { PodFact, QueueFacts } from '../decide/observed.ts';
import { isProvisional, reports } from '../decide/spec.ts';
import type { Steady } from './steady.ts';

const ASK_SETTLED: ReadonlySet<SplitPhase> = new Set(['Patching']);
/** While records may be forwarded from a partition that is new. */
const ASK_OUTGROWN: ReadonlySet<SplitPhase> = new Set(['Patching', 'Splitting', 'Warm']);
const ASK_REMAINING: ReadonlySet<SplitPhase> = new Set(['Draining', 'Restoring', 'Cleaning']);

/** How long a group must look settled (kafka-notes C2: twice in a row, a second apart). SQS cannot tell. */
const SETTLED_MS: Record<QueueKind, number> = { SQS: 0, Kafka: 1000 };

export type QueueObserver = {
  brokers: Record<QueueKind, BrokerAdmin>;
  steady: Steady;
  /** How long a fallback must have been empty; Amazon SQS counts need a minute to be true. */
  emptyConfirmationMs: Record<QueueKind, number>;
};

export async function observeQueues(
  { brokers, steady, emptyConfirmationMs }: QueueObserver,
  split: WorkloadSplit | undefined,
  pods: readonly PodFact[],
  goneAddresses: ReadonlySet<string>,
): Promise<Map<string, QueueFacts>> {
  const facts = new Map<string, QueueFacts>();
  if (!split) return facts;
  const { phase, token } = split.spec;
  const allPatched = pods.every((pod) => pod.token === token);
  for (const queue of split.spec.queues) {
    if (isProvisional(split.spec, queue)) continue;
    const id = `${split.metadata.uid} ${queue.key}`;
    const broker = brokers[queue.kind];
    const settled = ASK_SETTLED.has(phase) && allPatched && queue.forwarding === 'Hold';
    const settledFact = settled ? await settle(broker, queue, goneAddresses) : undefined;
    const settledFor = steady.note(`${id} settled`, settledFact?.settled === true);
    const isAsked = ASK_REMAINING.has(phase) && exists(split, queue);
    const { remaining, problem } = isAsked ? await count(broker, queue) : UNASKED;
    const topics = ASK_OUTGROWN.has(phase) ? topicsOf(split, queue) : [];
    const quiet = reports(split, queue, 'Stopped', 'Returned');
    const emptyFor = steady.note(`${id} empty`, quiet && remaining === 0);
    facts.set(queue.key, {
      settled: settledFor.times > 0 && settledFor.forMs >= SETTLED_MS[queue.kind],
      settleMessage: settledFact?.message ?? 'the target restarts',
      remaining,
      problem,
      outgrown: topics.length === 0 ? [] : await broker.outgrown(queue, topics).catch(() => []),
      drained: emptyFor.times > 1 && emptyFor.forMs >= emptyConfirmationMs[queue.kind],
    });
  }
  return facts;
}

/** A broker that does not answer has not said that nobody reads. */
async function settle(
  broker: BrokerAdmin,
  queue: SplitQueue,
  goneAddresses: ReadonlySet<string>,
): Promise<{ settled: boolean; message: string }> {
  try {
    return await broker.settle(queue, goneAddresses);
  } catch (error) {
    return { settled: false, message: toSplitterError(error).message };
  }
}

type Count = Pick<QueueFacts, 'remaining' | 'problem'>;

const UNASKED: Count = { remaining: undefined, problem: undefined };

async function count(broker: BrokerAdmin, queue: SplitQueue): Promise<Count> {
  try {
    return { remaining: await broker.remaining(queue), problem: undefined };
  } catch (error) {
    return { remaining: undefined, problem: toSplitterError(error).message };
  }
}

function topicsOf({ spec }: WorkloadSplit, { key }: SplitQueue): string[] {
  const topics = spec.resources.filter(
    ({ kind, queue, state }) => kind === 'KafkaTopic' && queue === key && state === 'Created',
  );
  return topics.map(({ name }) => name);
}

function exists(split: WorkloadSplit, queue: SplitQueue): boolean {
  return split.spec.resources.some(
    (entry) => entry.role === 'fallback' && entry.queue === queue.key && entry.state === 'Created',
  );
}
