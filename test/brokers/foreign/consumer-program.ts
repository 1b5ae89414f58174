/**
 * `node consumer-program.ts LIBRARY TOPICS COMMIT name=value…`: Kafka consumers of the Node world, as `foreign.py` and `Foreign.java` are
 * those of Python and Java. LIBRARY: kafkajs or platformatic. Writes one JSON line a record; SIGTERM ends it in the usual way.
 */
import { Consumer, MessagesStreamModes } from '@platformatic/kafka';
import { Kafka, logLevel } from 'kafkajs';

const [library = '', topicText = '', commit = '', ...settings] = process.argv.slice(2);
const properties = new Map(settings.map((setting) => setting.split('=', 2) as [string, string]));
const topics = topicText.split(',');
const bootstrap = (properties.get('bootstrap.servers') ?? '').split(',');
const groupId = properties.get('group.id') ?? '';
const fromBeginning = properties.get('auto.offset.reset') === 'earliest';
const sessionTimeout = Number(properties.get('session.timeout.ms') ?? 30_000);

type Bytes = Buffer | null | undefined;
const text = (bytes: Bytes): string | null => bytes?.toString('base64') ?? null;

function show(record: {
  topic: string;
  partition: number;
  offset: string;
  timestamp: string;
  key: Bytes;
  value: Bytes;
  headers: (readonly [string, Bytes])[];
}): void {
  const { key, value, headers, offset, timestamp, ...place } = record;
  const named = headers.map(([name, content]) => [Buffer.from(name).toString('base64'), text(content)]);
  const numbers = { offset: Number(offset), timestamp: Number(timestamp) };
  console.log(JSON.stringify({ ...place, ...numbers, key: text(key), value: text(value), headers: named }));
}

async function withKafkajs(): Promise<() => Promise<void>> {
  const consumer = new Kafka({ brokers: bootstrap, logLevel: logLevel.ERROR }).consumer({
    groupId,
    sessionTimeout,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 200,
    readUncommitted: properties.get('isolation.level') === 'read_uncommitted',
  });
  await consumer.connect();
  await consumer.subscribe({
    topics: topics.map((topic) => (topic.startsWith('^') ? new RegExp(topic) : topic)),
    fromBeginning,
  });
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ topic, partition, message }) => {
      const headers = Object.entries(message.headers ?? {}).flatMap(([name, values]) =>
        [values ?? null].flat().map((value) => [name, value === null ? null : Buffer.from(value)] as const),
      );
      show({ topic, partition, ...message, headers });
    },
  });
  return () => consumer.disconnect();
}

async function withPlatformatic(): Promise<() => Promise<void>> {
  const consumer = new Consumer({
    clientId: 'foreign',
    bootstrapBrokers: bootstrap,
    groupId,
    sessionTimeout,
    maxWaitTime: 200,
  });
  const mode = fromBeginning ? { fallbackMode: 'earliest' as const } : { fallbackMode: 'latest' as const };
  const stream = await consumer.consume({
    topics,
    autocommit: commit === 'auto',
    mode: MessagesStreamModes.COMMITTED,
    ...mode,
  });
  void (async () => {
    for await (const { topic, partition, offset, timestamp, key, value, headers, commit: done } of stream) {
      const named = [...headers].map(([name, content]) => [String(name), content] as const);
      show({ topic, partition, offset: String(offset), timestamp: String(timestamp), key, value, headers: named });
      if (commit !== 'auto') await done();
    }
  })();
  return async () => {
    await stream.close();
    await consumer.close();
  };
}

const close = await (library === 'kafkajs' ? withKafkajs() : withPlatformatic());
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void close().then(() => process.exit(0)));
