/** A random but faithful history for the checker's tests: what a correct splitter would have done. Pure. */

import { filterMatches } from '../../checker/filter.ts';
import type { Attribute, History, ProducedLine, ReceivedLine, SessionLine } from '../../checker/history.ts';
import { fc } from '../../random.ts';

const TENANTS = ['alice', 'bob', 'carol', 'dave'] as const;
const STEP_MS = 10;
export const SESSION_READY_AT = 300;
export const SESSION_END_AT = 1200;

export type Draw = { readonly tenant: number; readonly kafka: boolean; readonly key: number };

export const draws: fc.Arbitrary<Draw[]> = fc.array(
  fc.record({ tenant: fc.nat(3), kafka: fc.boolean(), key: fc.nat(2) }),
  { minLength: 150, maxLength: 200 },
);

function attributesOf(tenant: string, kafka: boolean): Attribute[] {
  const type = kafka ? 'header' : 'String';
  return [
    { name: 'tenant', type, value: tenant },
    { name: 'binary', type: kafka ? 'header' : 'Binary', value: 'AP8=', base64: true },
  ];
}

function produce(drawn: readonly Draw[]): ProducedLine[] {
  const seqs = new Map<string, number>();
  const count = (name: string): number => {
    const next = (seqs.get(name) ?? 0) + 1;
    seqs.set(name, next);
    return next;
  };
  return drawn.map(({ tenant: index, kafka, key: keyIndex }, number) => {
    const tenant = TENANTS[index] ?? 'alice';
    const key = kafka ? `${tenant}-${keyIndex}` : null;
    const partition = kafka ? (index + keyIndex) % 3 : null;
    return {
      id: `m${number}`,
      kind: kafka ? ('kafka' as const) : ('sqs' as const),
      source: 'orders',
      tenant,
      key,
      seq: count(`key ${kafka} ${key}`),
      body: `{"n":${number}}`,
      attributes: attributesOf(tenant, kafka),
      attemptAt: number * STEP_MS,
      ackAt: number * STEP_MS + 2,
      partition,
      offset: partition === null ? null : count(`partition ${partition}`) - 1,
    };
  });
}

/** Alice and a second session that also matches alice, which started later and so gets only bob's. */
export function sessionLines(): SessionLine[] {
  return (['sqs', 'kafka'] as const).flatMap((kind) => [
    {
      name: `alice ${kind}`,
      reader: 'alice',
      kind,
      source: 'orders',
      filter: { tenant: '^alice$' },
      startedAt: SESSION_READY_AT - 100,
      readyAt: SESSION_READY_AT,
      endRequestedAt: SESSION_END_AT,
      endedAt: SESSION_END_AT + 50,
    },
    {
      name: `bob ${kind}`,
      reader: 'bob',
      kind,
      source: 'orders',
      filter: { tenant: '^(alice|bob)$' },
      startedAt: SESSION_READY_AT - 50,
      readyAt: SESSION_READY_AT,
      endRequestedAt: null,
      endedAt: null,
    },
  ]);
}

export function deliver(message: ProducedLine, reader: string, receivedAt: number, arrival: number): ReceivedLine {
  return {
    reader,
    instance: `${reader}-1`,
    kind: message.kind,
    id: message.id,
    tenant: message.tenant,
    key: message.key,
    seq: message.seq,
    body: message.body,
    attributes: message.attributes,
    readFrom: `copy-for-${reader}`,
    partition: message.partition,
    offset: message.kind === 'kafka' ? arrival : null,
    sentAt: message.attemptAt,
    receivedAt,
    arrival,
  };
}

/** The reader that a correct splitter chooses; the windows of start and end go to the workload. */
export function readerOf(message: ProducedLine, sessions: readonly SessionLine[]): string {
  const active = sessions.find(
    (session) =>
      session.kind === message.kind &&
      filterMatches(session.filter, message.attributes, message.kind) &&
      session.readyAt !== null &&
      message.attemptAt >= session.readyAt &&
      (session.endRequestedAt === null || message.attemptAt < session.endRequestedAt),
  );
  return active?.reader ?? 'orders-worker';
}

export function cleanHistory(drawn: readonly Draw[]): History {
  const produced = produce(drawn);
  const sessions = sessionLines();
  return {
    produced,
    received: produced.map((message, index) =>
      deliver(message, readerOf(message, sessions), message.attemptAt + 5, index + 1),
    ),
    sessions,
    workloads: (['sqs', 'kafka'] as const).map((kind) => ({ reader: 'orders-worker', kind, source: 'orders' })),
  };
}
