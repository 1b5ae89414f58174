// What was made for a split, written down once more outside of it: a Lease in the operator's namespace, which outlives a WorkloadSplit that
// lost its finalizer, or was handed over. It holds no credential, no filter and no value of a variable.
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { HOLDER_ANNOTATION, MEMORY_ANNOTATION, MEMORY_LABEL } from '../../api/constants.ts';
import { splitQueue } from '../../api/kinds/split-queue.ts';
import { ledgerEntry, type SplitQueue, type WorkloadSplit, workloadSplitSpec } from '../../api/kinds/workload-split.ts';
import type { Lease } from '../../common/kube/lease.ts';
import { LEASES } from '../../common/kube/resources.ts';
import type { KubeClient, ObjectName } from '../../common/kube/types.ts';

/** Annotations of one object may have 256 KiB together; the longest ledger has more, and compresses to a quarter. */
const MAX_LENGTH = 200_000;
const GZIP_PREFIX = 'gzip,';
const MAX_UNPACKED_BYTES = 16 * 1024 * 1024;

const memory = z.object({
  split: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  target: workloadSplitSpec.shape.target,
  queues: z.array(splitQueue),
  resources: z.array(ledgerEntry),
  /** The split was given up on purpose: what is left of it need not be seen for a while before it is collected. */
  handedOver: z.boolean(),
});
export type Memory = z.infer<typeof memory>;

type Place = { client: KubeClient; operatorNamespace: string };

/** Comes before anything is made, so that nothing exists that nobody remembers. */
export async function remember(place: Place, split: WorkloadSplit, handedOver = false): Promise<void> {
  const { client } = place;
  const text = textOf(split, handedOver);
  const existing = await client.get<Lease>(LEASES, nameOf(place, split.metadata.uid));
  if (existing?.metadata.annotations?.[MEMORY_ANNOTATION] === text) return;
  const annotations = {
    [HOLDER_ANNOTATION]: `${split.metadata.namespace}/${split.metadata.name}`,
    [MEMORY_ANNOTATION]: text,
  };
  if (existing) {
    await client.replace<Lease>(LEASES, { ...existing, metadata: { ...existing.metadata, annotations } });
    return;
  }
  await client.create<Lease>(LEASES, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...nameOf(place, split.metadata.uid), labels: { [MEMORY_LABEL]: 'true' }, annotations },
    spec: { holderIdentity: split.metadata.uid ?? '' },
  });
}

/** Nothing of the split is left. */
export async function forget(place: Place, splitUid: string | undefined): Promise<void> {
  await place.client.delete(LEASES, nameOf(place, splitUid));
}

/** All that can be read; what somebody else has written into such a Lease is nobody's memory. */
export async function memories({ client, operatorNamespace }: Place): Promise<Memory[]> {
  const { items } = await client.list<Lease>(LEASES, { namespace: operatorNamespace, labelSelector: MEMORY_LABEL });
  return items.flatMap(({ metadata }) => {
    const parsed = memory.safeParse(decode(metadata.annotations?.[MEMORY_ANNOTATION] ?? ''));
    return parsed.success ? [parsed.data] : [];
  });
}

function nameOf({ operatorNamespace }: Place, splitUid: string | undefined): Required<ObjectName> {
  return { name: `split-${splitUid}`, namespace: operatorNamespace };
}

function textOf({ metadata, spec }: WorkloadSplit, handedOver: boolean): string {
  const { namespace = '', name, uid = '' } = metadata;
  const content: Memory = {
    split: { namespace, name, uid },
    target: spec.target,
    queues: spec.queues.map(essence),
    resources: spec.resources,
    handedOver,
  };
  const text = encode(content);
  if (text.length <= MAX_LENGTH) return text;
  // Without them a group cannot be rewound, and unread topics are kept.
  return encode({ ...content, queues: content.queues.map(({ start: _, ...queue }) => queue) });
}

/** Readable as long as that is possible. */
function encode(content: Memory): string {
  const text = JSON.stringify(content);
  return text.length <= MAX_LENGTH ? text : `${GZIP_PREFIX}${gzipSync(text).toString('base64')}`;
}

/** What it takes to find a queue and to give back what is in it. */
function essence(queue: SplitQueue): SplitQueue {
  const { key, id, kind, connection, original, fallback, transactionalIdPrefix, producers, start } = queue;
  return {
    ...{ key, id, kind, connection, original, fallback },
    ...{ variables: [], groupVariables: [], routes: [], forwarding: 'Stop' },
    ...(transactionalIdPrefix === undefined ? {} : { transactionalIdPrefix }),
    ...(producers === undefined ? {} : { producers }),
    ...(start === undefined ? {} : { start }),
  };
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text.startsWith(GZIP_PREFIX) ? unpack(text.slice(GZIP_PREFIX.length)) : text);
  } catch {
    return undefined;
  }
}

function unpack(base64: string): string {
  return gunzipSync(Buffer.from(base64, 'base64'), { maxOutputLength: MAX_UNPACKED_BYTES }).toString();
}
