/**
 * Order as docs/concepts.md promises it: per Kafka partition and per key or message group, for each reader, among the
 * messages that every session's filter judges alike (they have the same verdict at any moment). Pure.
 */
import type { History, ProducedLine, ReceivedLine } from './history.ts';
import { matchingSessions } from './routing.ts';

export type OutOfOrder = {
  readonly id: string;
  readonly reader: string;
  /** The key or partition whose order broke. */
  readonly within: string;
  /** The later message that the reader had already handled. */
  readonly after: string;
};

type Latest = { readonly id: string; readonly rank: number };

/** The orders that a message takes part in, with its rank in each. */
function ordersOf(message: ProducedLine): { readonly within: string; readonly rank: number }[] {
  const orders: { within: string; rank: number }[] = [];
  if (message.key !== null) orders.push({ within: `${message.source} key ${message.key}`, rank: message.seq });
  if (message.partition !== null && message.offset !== null) {
    orders.push({ within: `${message.source} partition ${message.partition}`, rank: message.offset });
  }
  return orders;
}

/** Looks at the first delivery of each message to each reader, in the order of arrival. */
export function judgeOrder(history: History): OutOfOrder[] {
  const messages = new Map(history.produced.map((message) => [message.id, message]));
  const signatures = new Map<string, string>();
  const signatureOf = (message: ProducedLine): string => {
    const known = signatures.get(message.id);
    if (known !== undefined) return known;
    const signature = matchingSessions(message, history.sessions)
      .map((session) => session.name)
      .join(',');
    signatures.set(message.id, signature);
    return signature;
  };
  const latest = new Map<string, Latest>();
  const seen = new Set<string>();
  const broken: OutOfOrder[] = [];
  const inOrder: readonly ReceivedLine[] = [...history.received].sort((left, right) => left.arrival - right.arrival);
  for (const delivery of inOrder) {
    const message = messages.get(delivery.id);
    const once = JSON.stringify([delivery.reader, delivery.id]);
    if (message === undefined || seen.has(once)) continue;
    seen.add(once);
    let reported = false;
    for (const { within, rank } of ordersOf(message)) {
      const group = JSON.stringify([delivery.reader, within, signatureOf(message)]);
      const before = latest.get(group);
      if (before === undefined || rank > before.rank) {
        latest.set(group, { id: message.id, rank });
      } else if (!reported) {
        reported = true;
        broken.push({ id: message.id, reader: delivery.reader, within, after: before.id });
      }
    }
  }
  return broken;
}
