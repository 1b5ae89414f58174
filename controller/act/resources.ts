// Makes what the ledger plans and deletes what it retired. Each entry stands alone: one that fails is noted and does not stop the others.
import type { LedgerEntry, SplitQueue, WorkloadSplit, WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../../common/errors.ts';
import type { CreateRequest } from '../brokers/broker.ts';
import { growthOf, removalOf } from '../decide/failures.ts';
import { sessionGroup } from '../decide/plan.ts';
import { startOffsetsOf } from '../decide/sessions.ts';
import { bumped, withCreated, withoutEntries } from '../decide/spec.ts';
import { remember } from '../garbage/memory.ts';
import { claimOriginal, releaseClaim } from './claims.ts';
import type { ActContext } from './context.ts';
import { writeSpec } from './split.ts';

export async function createResources(
  context: ActContext,
  split: WorkloadSplit,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const uid = split.metadata.uid ?? '';
  await remember(context, split);
  const outcomes = await Promise.all(
    entries.map((entry) => context.failures.attempt(uid, entry.name, () => create(context, split, entry))),
  );
  let { spec } = split;
  entries.forEach((entry, index) => {
    const outcome = outcomes[index];
    if (outcome) spec = withCreated(spec, entry, outcome);
  });
  if (spec !== split.spec) await remember(context, await writeSpec(context, split, spec));
}

/** Writes nothing: what has grown is not found too small again. */
export async function growTopics(
  context: ActContext,
  split: WorkloadSplit,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const uid = split.metadata.uid ?? '';
  await Promise.all(
    entries.map((entry) =>
      context.failures.attempt(uid, growthOf(entry.name), async () => {
        const queue = queueOf(split.spec, entry);
        await context.brokers[queue.kind].grow(requestFor(context, split, entry));
        return entry;
      }),
    ),
  );
}

async function create(
  context: ActContext,
  split: WorkloadSplit,
  entry: LedgerEntry,
): Promise<Pick<LedgerEntry, 'url' | 'topicId'>> {
  const queue = queueOf(split.spec, entry);
  if (entry.kind === 'Claim') {
    await claimOriginal(context, split, entry.name, queue);
    return {};
  }
  if (entry.kind === 'KafkaGroup') return {};
  return await context.brokers[queue.kind].create(requestFor(context, split, entry));
}

function requestFor(context: ActContext, split: WorkloadSplit, entry: LedgerEntry): CreateRequest {
  const queue = queueOf(split.spec, entry);
  const group =
    entry.role === 'fallback' ? queue.original.group : sessionGroup(split.spec, entry.session ?? '', queue.key);
  return {
    entry,
    original: queue.original,
    connection: queue.connection,
    owner: ownerOf(context, split),
    tags: queue.tags ?? {},
    ...(group === undefined ? {} : { group }),
  };
}

export async function deleteResources(
  context: ActContext,
  split: WorkloadSplit,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const uid = split.metadata.uid ?? '';
  const outcomes = await Promise.all(
    entries.map((entry) =>
      context.failures.attempt(uid, removalOf(entry.name), async () => {
        await remove(context, split, entry);
        // The next session's claim has the same name, its queue the same key: nothing may be held against them.
        context.failures.clear(uid, entry.name);
        if (entry.role === 'claim') context.failures.clear(uid, startOffsetsOf(entry.queue));
        return entry;
      }),
    ),
  );
  const gone = outcomes.filter((entry) => entry !== undefined);
  if (gone.length > 0) await writeSpec(context, split, bumped(withoutEntries(split.spec, gone)));
}

async function remove(context: ActContext, split: WorkloadSplit, entry: LedgerEntry): Promise<void> {
  const queue = queueOf(split.spec, entry);
  if (entry.kind === 'Claim') return await releaseClaim(context, split, entry.name);
  await context.brokers[queue.kind].delete(entry, queue.connection, ownerOf(context, split));
}

function ownerOf(context: ActContext, split: WorkloadSplit): { clusterUid: string; splitUid: string } {
  return { clusterUid: context.clusterUid, splitUid: split.metadata.uid ?? '' };
}

function queueOf(spec: WorkloadSplitSpec, entry: LedgerEntry): SplitQueue {
  const queue = spec.queues.find((candidate) => candidate.key === entry.queue);
  if (queue) return queue;
  throw new SplitterError(
    'Internal',
    `ledger entry ${entry.name} is of queue ${entry.queue}, which is not in the split`,
    { retryable: true },
  );
}
