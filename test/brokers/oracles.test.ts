/** The oracles against real brokers: kcat's copy comparison, and the snapshots of queues, topics and groups. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  TagQueueCommand,
} from '@aws-sdk/client-sqs';
import type { Message } from 'kafkajs';
import { diffCopies, lastRecords } from '../checker/kcat.ts';
import { diffSnapshots, snapshotKafka, snapshotSqs } from '../checker/snapshot.ts';
import { createTopic, startKafka } from '../testbed/brokers/kafka.ts';
import { ensureKcat, kcatRunner } from '../testbed/brokers/kcat.ts';
import { localPlace, type Place } from '../testbed/brokers/place.ts';
import { startFauxqs } from '../testbed/brokers/sqs.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { ensureKafka } from '../testbed/toolchain/kafka.ts';

let run: Run;
let place: Place;
before(() => {
  run = openRun();
  place = localPlace(run);
});
after(() => run.destroy());

const paths = (differences: readonly { path: string }[]) => differences.map(({ path }) => path);

it('kcat sees every byte of odd records, and the Kafka snapshot every topic, setting and offset', async (context) => {
  const program = await ensureKafka();
  if (!program.available) return context.skip(`${program.reason} ${program.howToGet}`);
  if (!(await ensureKcat())) return context.skip('kcat is missing; install it, for example: apt-get install kcat');
  const broker = await startKafka(place, program, { autoCreateTopics: false });
  const kafka = broker.client();
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  for (const topic of ['original', 'copy', 'bad']) await createTopic(admin, topic, 2);
  const messages: Message[] = [
    { partition: 0, timestamp: '1000', key: 'k', value: 'plain', headers: { tenant: 'alice' } },
    { partition: 0, timestamp: '900', key: null, value: null },
    { partition: 1, timestamp: '1001', key: Buffer.from([0, 10, 255]), value: Buffer.from([13, 10, 0, 200]) },
    { partition: 1, timestamp: '1002', key: '', value: '', headers: { b: ['2', '1'], a: Buffer.from([10, 255, 0]) } },
  ];
  await producer.send({ topic: 'original', messages });
  await producer.send({ topic: 'copy', messages });
  const broken = messages.map((message, index) => (index === 3 ? { ...message, headers: { b: ['1', '2'] } } : message));
  await producer.send({ topic: 'bad', messages: broken });

  const read = (topic: string) => lastRecords(kcatRunner(place), broker.bootstrapServers, topic, 100);
  const original = await read('original');
  assert.equal(original.length, messages.length);
  assert.deepEqual(original[1], { ...original[1], key: null, value: null, timestamp: 900 });
  assert.equal(original[2]?.value, Buffer.from([13, 10, 0, 200]).toString('base64'));
  const headers = ['b', '2', 'b', '1', 'a', '\n\u00ff\u0000'];
  assert.deepEqual(
    original[3]?.headers,
    headers.map((text) => Buffer.from(text, 'latin1').toString('base64')),
  );
  assert.deepEqual(diffCopies(original, [await read('copy')], true), []);
  assert.equal(diffCopies(original, [await read('bad')], false).length, 1);
  assert.equal((await lastRecords(kcatRunner(place), broker.bootstrapServers, 'original', 1)).length, 2);

  const earlier = await snapshotKafka(admin);
  assert.equal(earlier['kafka/topic/original'], '2 partitions');
  await createTopic(admin, 'mirrord-tmp-1', 1, [{ name: 'retention.ms', value: '-1' }]);
  await admin.setOffsets({ groupId: 'g', topic: 'original', partitions: [{ partition: 1, offset: '1' }] });
  const { differences } = diffSnapshots(earlier, await snapshotKafka(admin), [
    { path: /^kafka\/topic\/__consumer_offsets/, because: 'the broker makes it with the first group' },
  ]);
  assert.deepEqual(paths(differences), [
    'kafka/group/g',
    'kafka/group/g/offsets/original',
    'kafka/topic/mirrord-tmp-1',
    'kafka/topic/mirrord-tmp-1/config/retention.ms',
  ]);
  assert.equal(differences[1]?.after, '1');
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  await broker.kill();
  await broker.start();
  await broker.stop();
});

it('a durable SQS emulator finds its messages again when it was killed', async () => {
  const emulator = await startFauxqs(place, { durable: true });
  const client = emulator.client();
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'kept' }));
  await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'still here' }));
  await emulator.kill();
  await emulator.start();
  const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl }));
  assert.deepEqual(
    Messages.map(({ Body }) => Body),
    ['still here'],
  );
  client.destroy();
  await emulator.stop();
});

it('the SQS snapshot sees new queues, changed tags, and a queue that was made anew', async () => {
  const emulator = await startFauxqs(place);
  const client = emulator.client();
  const { QueueUrl: url } = await client.send(new CreateQueueCommand({ QueueName: 'orders', tags: { team: 'a' } }));
  const earlier = await snapshotSqs(client);
  assert.deepEqual(diffSnapshots(earlier, await snapshotSqs(client), []).differences, []);
  await client.send(new TagQueueCommand({ QueueUrl: url, Tags: { team: 'b' } }));
  await client.send(new CreateQueueCommand({ QueueName: 'mirrord-1' }));
  const later = diffSnapshots(earlier, await snapshotSqs(client), [{ path: /^sqs\/mirrord-1\//, because: 'details' }]);
  assert.deepEqual(paths(later.differences), ['sqs/mirrord-1', 'sqs/orders/tag/team']);
  const { QueueUrl: temporary } = await client.send(new GetQueueUrlCommand({ QueueName: 'mirrord-1' }));
  await client.send(new DeleteQueueCommand({ QueueUrl: temporary }));
  await client.send(new TagQueueCommand({ QueueUrl: url, Tags: { team: 'a' } }));
  assert.deepEqual(diffSnapshots(earlier, await snapshotSqs(client), []).differences, []);
  client.destroy();
  await emulator.stop();
});
