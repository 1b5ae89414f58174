// A whole life of the main shop's split: one session that gets orders, and everything put back.
import { SHOP_NAMESPACE } from '../../shop/manifests.ts';
import type { Play } from './play.ts';
import { untilReceived, untilRestored } from './seen.ts';

export async function playLife(play: Play, name: string, patienceMs: number): Promise<void> {
  const session = await play.session({ name, filter: { tenant: '^alice$' }, kinds: play.kinds });
  await session.ready(patienceMs);
  const worker = await session.startWorker();
  await untilReceived(play.stage, name, 5, patienceMs);
  await worker.stop(20_000);
  await session.end(patienceMs);
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: patienceMs });
}
