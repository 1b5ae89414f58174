/**
 * The verdict over histories: jepsen's total-queue (lost, duplicated, unexpected, recovered) plus routing, order and copy fidelity.
 * Pure: it reads no files and no clocks. It must be given histories of a finished run, in which all readers were let drain.
 */
import { type Corrupted, judgeFidelity } from './fidelity.ts';
import type { History, ProducedLine, QueueKind, ReceivedLine } from './history.ts';
import { judgeOrder, type OutOfOrder } from './order.ts';
import { judgeRouting, type LeftOver, type Misrouted } from './routing.ts';

/** A message that a reader saw more than once. */
export type Duplicate = { readonly id: string; readonly kind: QueueKind; readonly deliveries: number };
/** One Kafka message that stands at several offsets of one topic: exactly-once was broken in that copy. */
export type DoubledCopy = { readonly id: string; readonly topic: string; readonly positions: readonly string[] };

export type Verdict = {
  /** Nothing lost, unexpected, misrouted, reordered, corrupted or doubled in a Kafka copy, and something was stored in every original that was sent to. */
  readonly ok: boolean;
  readonly produced: number;
  readonly acknowledged: number;
  /** Originals to which sends were attempted and none was acknowledged: nothing is proved about them. */
  readonly silent: readonly string[];
  /** Distinct messages by reader. */
  readonly receivedBy: ReadonlyMap<string, number>;
  readonly lost: readonly string[];
  /** Received although nobody attempted to send them. */
  readonly unexpected: readonly string[];
  /** Received although the send was not acknowledged: allowed. */
  readonly recovered: readonly string[];
  /** Reported, never a failure: SQS standard queues and readers that commit late allow them. */
  readonly duplicates: readonly Duplicate[];
  readonly doubledCopies: readonly DoubledCopy[];
  readonly misrouted: readonly Misrouted[];
  readonly leftOvers: readonly LeftOver[];
  readonly outOfOrder: readonly OutOfOrder[];
  readonly corrupted: readonly Corrupted[];
};

function byMessage(received: readonly ReceivedLine[]): Map<string, ReceivedLine[]> {
  const groups = new Map<string, ReceivedLine[]>();
  for (const line of [...received].sort((left, right) => left.arrival - right.arrival)) {
    const group = groups.get(line.id);
    if (group === undefined) groups.set(line.id, [line]);
    else group.push(line);
  }
  return groups;
}

function doubledCopiesOf(id: string, deliveries: readonly ReceivedLine[]): DoubledCopy[] {
  const positions = new Map<string, Set<string>>();
  for (const { kind, readFrom, partition, offset } of deliveries) {
    if (kind !== 'kafka') continue;
    const places = positions.get(readFrom) ?? new Set<string>();
    positions.set(readFrom, places.add(`${partition}/${offset}`));
  }
  return [...positions]
    .filter(([, places]) => places.size > 1)
    .map(([topic, places]) => ({ id, topic, positions: [...places] }));
}

function countReaders(deliveries: ReadonlyMap<string, readonly ReceivedLine[]>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const lines of deliveries.values()) {
    for (const reader of new Set(lines.map((line) => line.reader))) counts.set(reader, (counts.get(reader) ?? 0) + 1);
  }
  return counts;
}

export function judge(history: History): Verdict {
  const deliveries = byMessage(history.received);
  const attempted = new Set(history.produced.map((message) => message.id));
  const acknowledged = history.produced.filter((message) => message.ackAt !== null);
  const heard = new Set(acknowledged.map(sourceOf));
  const silent = [...new Set(history.produced.map(sourceOf))].filter((source) => !heard.has(source));
  const lost = acknowledged.filter((message) => !deliveries.has(message.id)).map((message) => message.id);
  const unexpected = [...deliveries.keys()].filter((id) => !attempted.has(id));
  const recovered = history.produced
    .filter((message) => message.ackAt === null && deliveries.has(message.id))
    .map((message) => message.id);
  const duplicates = [...deliveries]
    .filter(([, lines]) => lines.length > 1)
    .map(([id, lines]) => ({ id, kind: lines[0]?.kind ?? 'sqs', deliveries: lines.length }));
  const doubledCopies = [...deliveries].flatMap(([id, lines]) => doubledCopiesOf(id, lines));
  const corrupted = history.produced.flatMap((message) =>
    (deliveries.get(message.id) ?? []).flatMap((delivery) => judgeFidelity(message, delivery)),
  );
  const { misrouted, leftOvers } = judgeRouting(history, deliveries);
  const outOfOrder = judgeOrder(history);
  const faults = [silent, lost, unexpected, doubledCopies, misrouted, outOfOrder, corrupted];
  return {
    ok: acknowledged.length > 0 && faults.every((fault) => fault.length === 0),
    produced: history.produced.length,
    acknowledged: acknowledged.length,
    silent,
    receivedBy: countReaders(deliveries),
    lost,
    unexpected,
    recovered,
    duplicates,
    doubledCopies,
    misrouted,
    leftOvers,
    outOfOrder,
    corrupted,
  };
}

function sourceOf({ kind, source }: ProducedLine): string {
  return `${kind} ${source}`;
}

/** The part of a history that belongs to one original, for a table with a row for each. */
export function historyOf(history: History, kind: QueueKind, source: string): History {
  const produced = history.produced.filter((message) => message.kind === kind && message.source === source);
  const ids = new Set(produced.map((message) => message.id));
  return {
    produced,
    received: history.received.filter((line) => ids.has(line.id)),
    sessions: history.sessions.filter((session) => session.kind === kind && session.source === source),
    workloads: history.workloads.filter((workload) => workload.kind === kind && workload.source === source),
  };
}
