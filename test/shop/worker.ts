/**
 * The sample shop's orders-worker: reads an SQS queue and, when KAFKA_TOPIC is set, a Kafka topic, as any customer's program would.
 * Deployed as pods and run by developers as `node worker.ts`. It must never know anything about queue splitting.
 *
 * ORDERS_QUEUE (or INVOICES_QUEUE): name or URL · KAFKA_TOPIC, KAFKA_GROUP, KAFKA_BROKERS · WORKER_NAME, WORKER_INSTANCE · HISTORY_URL ·
 * PROCESS_MS, READINESS_DELAY_MS, SHUTDOWN_DELAY_MS · SQS_RECEIVERS, SQS_WAIT_SECONDS · HTTP_PORT (serves /readyz) · WORKER_VERBOSE=1.
 */
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Environment, numberOr } from './environment.ts';
import type { Order } from './order.ts';
import { createReporter, type Report } from './report.ts';
import { consumeTopic } from './worker-kafka.ts';
import { consumeQueue } from './worker-sqs.ts';

/** What a message source tells about one message. */
export type Delivery = Omit<Report, 'reader' | 'instance' | 'id' | 'tenant' | 'seq' | 'sentAt' | 'receivedAt'>;
export type Handler = (delivery: Delivery) => Promise<void>;
/** A running reader. `stop` finishes the work in flight. */
export type Reading = { readonly stop: () => Promise<void> };

function createHandler(environment: Environment, name: string): Handler {
  const report = createReporter(environment['HISTORY_URL']);
  const processMs = numberOr(environment, 'PROCESS_MS', 0);
  const instance = environment['WORKER_INSTANCE'] ?? environment['HOSTNAME'] ?? hostname();
  return async (delivery) => {
    const receivedAt = Date.now();
    const { id, tenant, seq, sentAt } = JSON.parse(delivery.body) as Order;
    if (processMs > 0) await pause(processMs);
    await report({ ...delivery, reader: name, instance, id, tenant, seq, sentAt, receivedAt });
    if (environment['WORKER_VERBOSE'] === '1') {
      console.log(`${name}: ${delivery.kind} order ${id} of ${tenant} from ${delivery.readFrom}`);
    }
  };
}

/** Serves /readyz: 200 when ready and not asked to end, else 503. */
function serveReadiness(port: number, isReady: () => boolean): void {
  const server = createServer((request, response) => {
    const status = request.url !== '/readyz' ? 404 : isReady() ? 200 : 503;
    response.writeHead(status).end(`${status}\n`);
  });
  server.listen(port);
  server.unref();
}

async function main(environment: Environment): Promise<void> {
  const name = environment['WORKER_NAME'] ?? 'worker';
  const handle = createHandler(environment, name);
  let ready = false;
  const signalled = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
  if (environment['HTTP_PORT']) serveReadiness(numberOr(environment, 'HTTP_PORT', 0), () => ready);

  const queue = environment['ORDERS_QUEUE'] || environment['INVOICES_QUEUE'];
  const readings: Reading[] = [];
  if (queue) readings.push(await consumeQueue(environment, queue, handle));
  if (environment['KAFKA_TOPIC']) readings.push(await consumeTopic(environment, environment['KAFKA_TOPIC'], handle));
  if (readings.length === 0) throw new Error('nothing to read: set ORDERS_QUEUE, KAFKA_TOPIC or both');
  await Promise.race([pause(numberOr(environment, 'READINESS_DELAY_MS', 0)), signalled]);
  ready = true;
  console.log(`${name} is ready`);

  const signal = await signalled;
  ready = false;
  console.log(`${name} got ${signal} and finishes its work`);
  await pause(numberOr(environment, 'SHUTDOWN_DELAY_MS', 0));
  await Promise.all(readings.map((reading) => reading.stop()));
  console.log(`${name} is done`);
  process.exit(0);
}

await main(process.env);
