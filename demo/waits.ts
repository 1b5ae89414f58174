// What the story waits for, each with a name and a deadline.
import { readReceived } from '../test/checker/history.ts';
import { TOPIC } from '../test/cluster/stage/shop.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { ORDERS_QUEUE } from '../test/shop/manifests.ts';
import { waitFor } from '../test/testbed/wait.ts';

type Kind = 'sqs' | 'kafka';

const ORIGINALS: Readonly<Record<Kind, string>> = { sqs: ORDERS_QUEUE, kafka: TOPIC };
/** Reading a history costs some milliseconds, so it is not looked at all the time. */
const PATIENCE = { deadlineMs: 180_000, intervalMs: 300 } as const;

/** The kinds that are played. */
export function kindsOf(stage: Stage): Kind[] {
  return stage.kafka ? ['sqs', 'kafka'] : ['sqs'];
}

/** Until a reader has handled `count` more orders of every kind. */
export async function untilReceives(stage: Stage, reader: string, count: number): Promise<void> {
  const received = (kind: Kind) =>
    readReceived(stage.collector.file).filter((line) => line.reader === reader && line.kind === kind).length;
  const wanted = kindsOf(stage).map((kind) => ({ kind, total: received(kind) + count }));
  await waitFor(
    `${reader} to receive ${count} more orders of each kind`,
    () => wanted.every(({ kind, total }) => received(kind) >= total),
    PATIENCE,
  );
}

/** Until the workload reads orders of this tenant, sent after the call, from the originals themselves. */
export async function untilOriginalsAreRead(stage: Stage, reader: string, tenant: string): Promise<void> {
  const since = Date.now();
  await waitFor(
    `${reader} to read orders of ${tenant} from the originals`,
    () => {
      const fresh = readReceived(stage.collector.file).filter(
        (line) => line.reader === reader && line.tenant === tenant && line.sentAt >= since,
      );
      return kindsOf(stage).every((kind) =>
        fresh.some((line) => line.kind === kind && line.readFrom === ORIGINALS[kind]),
      );
    },
    PATIENCE,
  );
}
