// What to wait for before the first picture of the world, so that time alone changes nothing in it afterwards.
import { waitFor } from '../../testbed/wait.ts';
import { GROUP, TOPIC } from './shop.ts';
import type { Stage } from './stage.ts';

/** Until the group has read and committed every partition once: an offset that appears later would look like ours. */
export async function untilSettled({ kafka }: Stage): Promise<void> {
  if (kafka === undefined) return;
  const admin = kafka.client().admin();
  await admin.connect();
  try {
    await waitFor(
      'the group to have committed an offset for every partition',
      async () => {
        const [offsets] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] });
        return offsets?.partitions.every(({ offset }) => Number(offset) >= 0);
      },
      { deadlineMs: 180_000, intervalMs: 300 },
    );
  } finally {
    await admin.disconnect();
  }
}
