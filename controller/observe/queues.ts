// What the brokers say about the queues of a split, asked only in the phases that need it. One answer is never enough: it must hold for a while.

import type { QueueKind } from '../../api/kinds/common.ts';
import type { SplitPhase, SplitQueue, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import type { BrokerAdmin } from '../brokers/broker.ts';
import type { PodFact, QueueFacts } from '../decide/observed.ts';
import { isProvisional, reports } from '../decide/spec.ts';
import type { Steady } from './steady.ts';

const ASK_SETTLED: ReadonlySet<SplitPhase> = new Set(['Patching']);
const ASK_REMAINING: ReadonlySet<SplitPhase> = new Set(['Draining', 'Restoring', 'Cleaning']);

/** Observations in a row before a group counts as settled (kafka-notes C2: twice, a second apart). */
const SETTLED_TIMES = 2;

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
    const settledFact = settled ? await broker.settle(queue, goneAddresses) : undefined;
    const settledTimes = steady.note(`${id} settled`, settledFact?.settled === true).times;
    const remaining = ASK_REMAINING.has(phase) && exists(split, queue) ? await broker.remaining(queue) : undefined;
    const quiet = reports(split, queue, 'Stopped', 'Returned');
    const emptyFor = steady.note(`${id} empty`, quiet && remaining === 0);
    facts.set(queue.key, {
      settled: settledTimes >= (queue.kind === 'Kafka' ? SETTLED_TIMES : 1),
      settleMessage: settledFact?.message ?? 'the target restarts',
      remaining,
      drained: emptyFor.times > 1 && emptyFor.forMs >= emptyConfirmationMs[queue.kind],
    });
  }
  return facts;
}

function exists(split: WorkloadSplit, queue: SplitQueue): boolean {
  return split.spec.resources.some(
    (entry) => entry.role === 'fallback' && entry.queue === queue.key && entry.state === 'Created',
  );
}
