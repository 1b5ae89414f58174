// What the demo shows of the running system: how much everybody has read, from what the readers wrote, and how much waits, from /metrics.

import { readReceived } from '../test/checker/history.ts';
import { type Lag, readLag } from '../test/cluster/stage/lag.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { ORDERS_WORKER } from '../test/shop/manifests.ts';
import { columns } from './telling.ts';
import { kindsOf } from './waits.ts';

const NAMES = { sqs: 'SQS', kafka: 'Kafka' } as const;

/** Orders handled so far, by reader and by the queue or topic that they were read from. */
export function receivedTable(stage: Stage, developers: readonly string[]): string {
  const received = readReceived(stage.collector.file);
  const rows = [ORDERS_WORKER, ...developers].flatMap((reader) =>
    kindsOf(stage).flatMap((kind) => {
      const own = received.filter((line) => line.reader === reader && line.kind === kind);
      const places = Map.groupBy(own, (line) => line.readFrom);
      return [...places].map(([place, orders]) => [
        `${reader} from ${NAMES[kind]} ${place}`,
        orders.length,
        [...new Set(orders.map((line) => line.tenant))].sort().join(' '),
      ]);
    }),
  );
  return columns([['read so far', 'orders', 'tenants'], ...rows]);
}

/** One row for each original that is split: what waits in it, in its fallback, and in each session's own queue. */
export async function lagTable(stage: Stage, developers: readonly string[]): Promise<string> {
  const lag = await readLag(stage);
  const originals = new Map(lag.map(({ kind, queue }) => [`${kind} ${queue}`, { kind, queue }]));
  const sum = (wanted: (entry: Lag) => boolean) =>
    lag.filter(wanted).reduce((total, { messages }) => total + messages, 0);
  const rows = [...originals].map(([title, { kind, queue }]) => {
    const here = (role: string, session = '') =>
      sum(
        (entry) =>
          entry.kind === kind && entry.queue === queue && entry.role === role && entry.session.startsWith(session),
      );
    return [title, here('original'), here('fallback'), ...developers.map((name) => here('session', name))];
  });
  return columns([['waiting', 'original', 'fallback', ...developers], ...rows]);
}
