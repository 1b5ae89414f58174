/**
 * The sample shop's producer: sends orders of many tenants at a steady rate, without pause, until SIGTERM. Writes each attempt before the
 * send and each acknowledgement after it to its own history (JSON lines, see `ProducerEvent`). It must never retry an order under a new id.
 *
 * SQS_QUEUES (comma-separated names) · KAFKA_TOPIC, KAFKA_BROKERS · HISTORY_FILE · RATE (orders a second for each queue and topic) ·
 * TENANTS (`alice=3,bob=2`) · KEYS_PER_TENANT · SEED · MAX_ORDERS (for each queue and topic; then it idles until SIGTERM).
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { ProducerEvent } from '../checker/history.ts';
import { type Environment, listOf, numberOr, required } from './environment.ts';
import { createOrderBook, type OrderBook } from './order-book.ts';
import { openQueue, openTopic, type Sink } from './sinks.ts';

/** SQS sends in flight at once; Kafka sends wait for each other, so that the order of a key is the order of its sequence. */
const MAX_SQS_IN_FLIGHT = 10;

type Recorder = { readonly write: (event: ProducerEvent) => void; readonly close: () => void };

function openRecorder(file: string): Recorder {
  const descriptor = openSync(file, 'a');
  return {
    write: (event) => {
      writeSync(descriptor, `${JSON.stringify(event)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}

async function sendOne(sink: Sink, book: OrderBook, recorder: Recorder): Promise<void> {
  const message = book.next(sink.kind, sink.source, Date.now());
  recorder.write({ event: 'attempt', ...message, attemptAt: Date.now() });
  try {
    const { partition, offset } = await sink.send(message);
    recorder.write({ event: 'ack', id: message.id, ackAt: Date.now(), partition, offset });
  } catch (error) {
    console.error(`sending ${message.id} to ${sink.source} failed, it may have arrived or not:`, error);
  }
}

/** Sends order n at start + n/rate; when a broker is slow it falls behind and catches up, and never stops. */
async function produce(
  sink: Sink,
  book: OrderBook,
  recorder: Recorder,
  environment: Environment,
  ended: AbortSignal,
): Promise<void> {
  const intervalMs = 1000 / numberOr(environment, 'RATE', 20);
  const most = numberOr(environment, 'MAX_ORDERS', Number.MAX_SAFE_INTEGER);
  const maxInFlight = sink.kind === 'kafka' ? 1 : MAX_SQS_IN_FLIGHT;
  const inFlight = new Set<Promise<void>>();
  const startedAt = performance.now();
  for (let count = 0; count < most && !ended.aborted; count += 1) {
    const waitMs = startedAt + count * intervalMs - performance.now();
    if (waitMs > 0) await pause(waitMs, undefined, { signal: ended }).catch(() => {});
    if (ended.aborted) break;
    const sending = sendOne(sink, book, recorder).finally(() => inFlight.delete(sending));
    inFlight.add(sending);
    if (inFlight.size >= maxInFlight) await Promise.race(inFlight);
  }
  await Promise.all(inFlight);
}

async function main(environment: Environment): Promise<void> {
  const recorder = openRecorder(required(environment, 'HISTORY_FILE'));
  const book = createOrderBook({
    seed: numberOr(environment, 'SEED', 1),
    tenants: environment['TENANTS'] ?? 'alice=3,bob=3,carol=2,dave=1',
    keysPerTenant: numberOr(environment, 'KEYS_PER_TENANT', 3),
  });
  const topic = environment['KAFKA_TOPIC'];
  const opened = await Promise.all([
    ...listOf(environment, 'SQS_QUEUES').map((queue) => openQueue(queue)),
    ...(topic ? [openTopic(required(environment, 'KAFKA_BROKERS').split(','), topic)] : []),
  ]);
  if (opened.length === 0) throw new Error('nothing to send to: set SQS_QUEUES, KAFKA_TOPIC or both');
  const end = new AbortController();
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        end.abort();
        resolve();
      });
    }
  });
  console.log('the producer is sending');
  const producing = opened.map((sink) => produce(sink, book, recorder, environment, end.signal));
  Promise.all(producing).then(() => console.log('the producer has sent all'));
  // Keeps the process alive when MAX_ORDERS is reached: a signal listener alone does not.
  const idle = pause(2 ** 31 - 1, undefined, { signal: end.signal }).catch(() => {});
  await ended;
  await Promise.all([...producing, idle]);
  await Promise.all(opened.map((sink) => sink.close()));
  recorder.close();
  console.log('the producer is done');
}

await main(process.env);
