// Shows how many messages wait in the original, the fallback and the session queues, by asking the broker every few seconds. Only for metrics.
import type { QueueLocation, SplitQueue } from '../../api/kinds/workload-split.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { type QueueDepth, readDepth } from '../../common/sqs/depth.ts';
import type { MoveEnd } from '../../common/sqs/move.ts';

export type LagOptions = {
  current: () => SplitQueue | undefined;
  endOf: (location: QueueLocation) => MoveEnd;
  onDepth: (role: 'original' | 'fallback' | 'session', session: string, depth: QueueDepth) => void;
  /** After each round. */
  onRound: () => void;
  intervalMs: number;
  clock: Clock;
};

/** Runs until the signal is aborted. A queue that cannot be asked is left out; the data path reports why. */
export async function watchLag(options: LagOptions, signal: AbortSignal): Promise<void> {
  const { current, endOf, onDepth, onRound, intervalMs, clock } = options;
  const show = async (location: QueueLocation, role: 'original' | 'fallback' | 'session', session = '') => {
    if (location.url === undefined) return;
    const end = endOf(location);
    const depth = await readDepth(end.client, end).catch(() => undefined);
    if (depth !== undefined && !signal.aborted) onDepth(role, session, depth);
  };
  while (!signal.aborted) {
    const queue = current();
    if (queue !== undefined) {
      await Promise.all([
        show(queue.original, 'original'),
        show(queue.fallback, 'fallback'),
        ...queue.routes.map((route) => show(route.destination, 'session', route.session)),
      ]);
      if (!signal.aborted) onRound();
    }
    await pause(clock, intervalMs, signal);
  }
}
