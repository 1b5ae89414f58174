// What the checker has to know of a session that a mirrord.json asked for: of which queues, with which filter, and when. Pure.
import { parse } from 'jsonc-parser';
import type { SessionLine } from '../../checker/history.ts';
import { ORDERS_QUEUE } from '../../shop/manifests.ts';
import { TOPIC } from './shop.ts';

/** Milliseconds since the epoch; null: it has not happened. */
export type SessionTimes = {
  startedAt: number;
  readyAt: number | null;
  endRequestedAt: number | null;
  endedAt: number | null;
};

type MirrordJson = {
  feature: { split_queues: Record<string, { queue_type: 'SQS' | 'Kafka'; message_filter?: Record<string, string> }> };
};

/** One line for each entry of `feature.split_queues` (object form), read without the product's own reader. The shop has one original of each kind. */
export function sessionLines(name: string, mirrordJson: string, times: SessionTimes): SessionLine[] {
  const { feature } = parse(mirrordJson, [], { allowTrailingComma: true }) as MirrordJson;
  return Object.values(feature.split_queues).map(({ queue_type, message_filter = {} }) => ({
    name,
    reader: name,
    kind: queue_type === 'SQS' ? 'sqs' : 'kafka',
    source: queue_type === 'SQS' ? ORDERS_QUEUE : TOPIC,
    filter: message_filter,
    ...times,
  }));
}
