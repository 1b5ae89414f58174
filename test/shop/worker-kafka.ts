/** The worker's Kafka half: a plain kafkajs group consumer with default settings, one message at a time. */
import { Kafka, logLevel } from 'kafkajs';
import { type Environment, required } from './environment.ts';
import { attributesOfKafka } from './order.ts';
import type { Handler, Reading } from './worker.ts';

/** Resolves when the consumer has joined its group. */
export async function consumeTopic(environment: Environment, topic: string, handle: Handler): Promise<Reading> {
  const kafka = new Kafka({
    clientId: environment['WORKER_NAME'] ?? 'worker',
    brokers: required(environment, 'KAFKA_BROKERS').split(','),
    logLevel: logLevel.WARN,
  });
  const consumer = kafka.consumer({ groupId: required(environment, 'KAFKA_GROUP') });
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (payload.restart) return;
    console.error('the Kafka consumer gave up:', payload.error);
    process.exit(1);
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: false });
  await consumer.run({
    eachMessage: async ({ topic: readFrom, partition, message }) => {
      await handle({
        kind: 'kafka',
        key: message.key === null ? null : message.key.toString('utf8'),
        body: message.value?.toString('utf8') ?? '',
        attributes: attributesOfKafka(message.headers),
        readFrom,
        partition,
        offset: Number(message.offset),
      });
    },
  });
  await joined;
  return { stop: () => consumer.disconnect() };
}
