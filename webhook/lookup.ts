// Finds what is to be injected: in the cache, or, where the cache is behind the entry that called us, from the API server.
import { z } from 'zod';
import { type WorkloadSplit, workloadSplitSpec } from '../api/kinds/workload-split.ts';
import { SplitterError } from '../common/errors.ts';
import type { Reflector } from '../common/kube/reflector.ts';
import { WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';
import { webhookMetrics } from '../common/metrics/webhook.ts';
import type { Injection } from './mutate.ts';

/** What the path of a webhook entry says: `…/<namespace>/<split>/<uid>/<environmentRevision>`; each split of a name counts from 0. */
export type SplitReference = { namespace: string; name: string; uid: string; environmentRevision: number };

export type Found = { injection: Injection } | { skip: 'split_not_found' | 'split_inert' };

const injection = workloadSplitSpec.pick({
  phase: true,
  token: true,
  environment: true,
  environmentRevision: true,
});

export type SplitCache = Pick<Reflector<WorkloadSplit>, 'get'>;

export type Lookup = (reference: SplitReference) => Promise<Found>;

/** The returned function rejects when the API server had to be asked and could not answer: then nobody may guess. */
export function createLookup(cache: SplitCache, client: Pick<KubeClient, 'get'>): Lookup {
  return async (reference) => {
    const { name, namespace } = reference;
    const cached = cache.get({ name, namespace });
    const split = cached && isAbreast(cached, reference) ? cached : await readLive(client, reference);
    if (split === undefined) return { skip: 'split_not_found' };
    if (isInert(split)) return { skip: 'split_inert' };
    return { injection: parse(split) };
  };
}

/** What this replica would do from its cache alone; the controller asks before it relies on us. */
export function knowledge(cache: SplitCache, reference: SplitReference) {
  const { name, namespace } = reference;
  const split = cache.get({ name, namespace });
  const ready = split !== undefined && !isInert(split) && isAbreast(split, reference);
  return {
    ready,
    ...(split && {
      phase: split.spec.phase,
      revision: split.spec.revision,
      environmentRevision: split.spec.environmentRevision,
    }),
  };
}

/** As new as the entry that called; a split before it, of the same name, may have counted further. */
function isAbreast({ metadata, spec }: WorkloadSplit, { uid, environmentRevision }: SplitReference): boolean {
  return metadata.uid === uid && spec.environmentRevision >= environmentRevision;
}

/** A copied or restored object: it carries the uid of another one, or none yet. */
function isInert({ metadata, spec }: WorkloadSplit): boolean {
  return spec.incarnation === undefined || spec.incarnation.selfUid !== metadata.uid;
}

async function readLive(
  client: Pick<KubeClient, 'get'>,
  { name, namespace }: SplitReference,
): Promise<WorkloadSplit | undefined> {
  try {
    const split = await client.get<WorkloadSplit>(WORKLOAD_SPLITS, { name, namespace });
    webhookMetrics.liveReads.inc({ result: split ? 'found' : 'not_found' });
    return split;
  } catch (error) {
    webhookMetrics.liveReads.inc({ result: 'error' });
    throw error;
  }
}

function parse(split: WorkloadSplit): Injection {
  const result = injection.safeParse(split.spec);
  if (result.success) return result.data;
  const { name, namespace } = split.metadata;
  throw new SplitterError(
    'Internal',
    `The WorkloadSplit ${name} in namespace ${namespace} cannot be read: ${z.prettifyError(result.error)}`,
  );
}
