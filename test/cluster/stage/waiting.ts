// What a play waits for, each with a name and a deadline.
import { readReceived } from '../../checker/history.ts';
import { ORDERS_QUEUE, SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { waitFor } from '../../testbed/wait.ts';
import { GROUP, TOPIC } from './shop.ts';
import type { Stage } from './stage.ts';

export type Kind = 'sqs' | 'kafka';
type Patience = { deadlineMs?: number; signal?: AbortSignal };

/** The kinds that are played. */
export function kindsOf(stage: Stage): Kind[] {
  return stage.kafka ? ['sqs', 'kafka'] : ['sqs'];
}

/** Until a reader has handled `count` more orders of every kind. */
export async function untilReceives(
  stage: Stage,
  reader: string,
  count: number,
  patience: Patience = {},
): Promise<void> {
  const received = (kind: Kind) =>
    readReceived(stage.collector.file).filter((line) => line.reader === reader && line.kind === kind).length;
  const wanted = kindsOf(stage).map((kind) => ({ kind, total: received(kind) + count }));
  await waitFor(
    `${reader} to receive ${count} more orders of each kind`,
    () => wanted.every(({ kind, total }) => received(kind) >= total),
    options(patience, 60_000),
  );
}

/** Until the deployed workload reads orders of this tenant, sent after the call, from the originals themselves. */
export async function untilOriginalsAreRead(
  stage: Stage,
  reader: string,
  tenant: string,
  patience: Patience = {},
): Promise<void> {
  const since = Date.now();
  const names: Record<Kind, string> = { sqs: ORDERS_QUEUE, kafka: TOPIC };
  await waitFor(
    `${reader} to read orders of ${tenant} from the originals`,
    () => {
      const fresh = readReceived(stage.collector.file).filter(
        (line) => line.reader === reader && line.tenant === tenant && line.sentAt >= since,
      );
      return kindsOf(stage).every((kind) => fresh.some((line) => line.kind === kind && line.readFrom === names[kind]));
    },
    options(patience, 60_000),
  );
}

/** Until no workload is split any more. */
export async function untilRestored(stage: Stage, patience: Patience = {}): Promise<void> {
  await waitFor(
    'the target to be restored',
    async () => (await stage.cluster.kubectl(['get', 'workloadsplits', '-A', '-o', 'name'])).trim() === '',
    options(patience, 180_000),
  );
}

/**
 * Until the world stands still but for traffic: every partition has been read and committed once. What is then compared with the
 * world after the play differs by nothing that time alone would have brought.
 */
export async function untilSettled(stage: Stage, patience: Patience = {}): Promise<void> {
  if (stage.kafka === undefined) return;
  const admin = stage.kafka.client().admin();
  await admin.connect();
  try {
    await waitFor(
      'the group to have committed an offset for every partition',
      async () => {
        const [offsets] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] });
        return offsets?.partitions.every(({ offset }) => Number(offset) >= 0);
      },
      options(patience, 60_000),
    );
  } finally {
    await admin.disconnect();
  }
}

/** Names of a workload's pods, sorted; those that are ending included. */
export async function podNames(stage: Stage, app: string): Promise<string[]> {
  const output = 'jsonpath={.items[*].metadata.name}';
  const text = await stage.cluster.kubectl(['get', 'pods', '-n', SHOP_NAMESPACE, '-l', `app=${app}`, '-o', output]);
  return text.split(' ').sort();
}

/** Reading a history costs some milliseconds, so it is not looked at all the time. */
function options({ deadlineMs, signal }: Patience, usualMs: number) {
  return { deadlineMs: deadlineMs ?? usualMs, intervalMs: 300, ...(signal ? { signal } : {}) };
}
