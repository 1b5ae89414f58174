/**
 * The histories that the checker judges: what producers attempted and what readers handled. They are written only by the
 * producer and consumer programs (`test/shop/`) and joined here. This file must never read anything that the product wrote.
 * All times (`…At`) are milliseconds since the epoch, taken from the clock of one machine.
 */
import { readFileSync } from 'node:fs';

export type QueueKind = 'sqs' | 'kafka';

/** An SQS message attribute, or one Kafka header. Kafka headers have the type `header`; binary values are base64. */
export type Attribute = {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly base64?: true;
};

/** What a producer meant to send, and what came of it. */
export type ProducedLine = {
  readonly id: string;
  readonly kind: QueueKind;
  /** The queue or topic it was sent to. */
  readonly source: string;
  readonly tenant: string;
  /** Kafka key, or SQS message group id; null without one. */
  readonly key: string | null;
  /** Counts up per source and key. */
  readonly seq: number;
  readonly body: string;
  readonly attributes: readonly Attribute[];
  readonly attemptAt: number;
  /** Null: the send failed or was cut off, the message may exist or not. */
  readonly ackAt: number | null;
  /** Kafka, known from the acknowledgement. */
  readonly partition: number | null;
  readonly offset: number | null;
};

/** One delivery of one message to one reader, reported before the message was deleted or its offset committed. */
export type ReceivedLine = {
  /** Who it was for: the workload's name, or the session's. Several pods of a workload are one reader. */
  readonly reader: string;
  /** The process, for example the pod's name. */
  readonly instance: string;
  readonly kind: QueueKind;
  readonly id: string;
  readonly tenant: string;
  readonly key: string | null;
  readonly seq: number;
  readonly body: string;
  readonly attributes: readonly Attribute[];
  /** The queue or topic it was read from: the original, or a temporary one. */
  readonly readFrom: string;
  readonly partition: number | null;
  readonly offset: number | null;
  readonly sentAt: number;
  readonly receivedAt: number;
  /** Order of arrival at the collector, from 1. */
  readonly arrival: number;
};

/** One developer's session on one original; a session on a queue and a topic is two of these. */
export type SessionLine = {
  readonly name: string;
  readonly reader: string;
  readonly kind: QueueKind;
  readonly source: string;
  /** Attribute or header name → regular expression. */
  readonly filter: Readonly<Record<string, string>>;
  readonly startedAt: number;
  /** Null: it never became Ready. */
  readonly readyAt: number | null;
  readonly endRequestedAt: number | null;
  readonly endedAt: number | null;
};

/** The deployed reader of an original. */
export type WorkloadLine = { readonly reader: string; readonly kind: QueueKind; readonly source: string };

export type History = {
  readonly produced: readonly ProducedLine[];
  readonly received: readonly ReceivedLine[];
  readonly sessions: readonly SessionLine[];
  readonly workloads: readonly WorkloadLine[];
};

/** The producer's file: an attempt is written before the send, an acknowledgement after it. */
export type AttemptEvent = { readonly event: 'attempt' } & Omit<ProducedLine, 'ackAt' | 'partition' | 'offset'>;
export type AckEvent = {
  readonly event: 'ack';
  readonly id: string;
  readonly ackAt: number;
  readonly partition: number | null;
  readonly offset: number | null;
};
export type ProducerEvent = AttemptEvent | AckEvent;

/** Joins a producer's events. Throws when an acknowledgement has no attempt: such a history proves nothing. */
export function joinProducerEvents(events: Iterable<ProducerEvent>): ProducedLine[] {
  const lines = new Map<string, ProducedLine>();
  for (const event of events) {
    if (event.event === 'attempt') {
      if (lines.has(event.id)) throw new Error(`message ${event.id} was attempted twice: ids must be unique`);
      const { event: _kind, ...attempt } = event;
      lines.set(event.id, { ...attempt, ackAt: null, partition: null, offset: null });
      continue;
    }
    const line = lines.get(event.id);
    if (line === undefined) throw new Error(`message ${event.id} was acknowledged without an attempt`);
    lines.set(event.id, { ...line, ackAt: event.ackAt, partition: event.partition, offset: event.offset });
  }
  return [...lines.values()];
}

/** Reads a JSON-lines file. A last line that was cut off (its writer was killed) is left out. */
export function readJsonLines<Line>(path: string): Line[] {
  const text = readFileSync(path, 'utf8');
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

export function readProduced(path: string): ProducedLine[] {
  return joinProducerEvents(readJsonLines<ProducerEvent>(path));
}

/** In the order of arrival. */
export function readReceived(path: string): ReceivedLine[] {
  return readJsonLines<ReceivedLine>(path).sort((left, right) => left.arrival - right.arrival);
}
