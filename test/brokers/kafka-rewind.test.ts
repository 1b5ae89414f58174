/** A target that is gone: what nobody read is given back by moving the application's group, and nothing is produced into the original. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stableEnds } from '../../common/kafka/wire/offsets.ts';
import { readToEnd } from '../../common/kafka/wire/read-to-end.ts';
import { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { waitFor } from '../testbed/wait.ts';
import {
  commitUpTo,
  countAborted,
  deleteRecordsBefore,
  groupOffsets,
  numbered,
  readAll,
  sendNumbered,
  values,
  waitForRecords,
} from './kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  type KafkaWorld,
  openKafkaWorld,
  openPipeline,
  skip,
  useKafkaWorld,
} from './kafka-support.ts';

const world = useKafkaWorld(openKafkaWorld);

describe('the rewind of a lost target, or of one that did not drain', { skip }, () => {
  it('goes to the first record of each partition that nobody read, in the fallback or in a session', async () => {
    const kafka = world();
    const original = await createOriginal(kafka);
    const { topic, group, queue } = await createSplit(kafka, original, { alice: ALICE });
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 200);
    const alice = queue.routes[0]?.destination;
    assert.ok(alice?.group);
    await waitForRecords(kafka, queue.fallback.name, 100);
    await waitForRecords(kafka, alice.name, 100);
    await commitUpTo(kafka, { name: queue.fallback.name, group }, 99);
    await commitUpTo(kafka, { name: alice.name, group: alice.group }, 149);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    await kafka.admin.fence(queue);
    const records = await readAll(kafka, topic);
    await kafka.admin.rewind(queue);

    const unread = ({ value }: (typeof records)[number]): boolean => {
      const id = Number(value?.toString());
      return id % 2 === 0 ? id > 149 : id > 99;
    };
    const expected = Object.fromEntries(
      [...Map.groupBy(records.filter(unread), ({ partition }) => partition)].map(([partition, own]) => [
        partition,
        String(own[0]?.offset),
      ]),
    );
    assert.deepEqual(await groupOffsets(kafka, group, topic), expected);
    await kafka.admin.rewind(queue);
    assert.deepEqual(await groupOffsets(kafka, group, topic), expected, 'it may be done again');
    assert.equal((await readAll(kafka, topic)).length, 200, 'the original is as it was');
  });

  it('moves a group whose members live and read the fallback', async () => {
    const kafka = world();
    const { topic, group, queue } = await createSplit(kafka, await createOriginal(kafka, 1));
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    const consumer = kafka.kafka.consumer({ groupId: group });
    kafka.closeLater(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topic: queue.fallback.name });
    const STUCK_AT = 30;
    let handled = 0;
    // A poisonous message: everything before it is committed, and the consumer comes no further.
    await consumer.run({
      eachMessage: async ({ message }) => {
        if (Number(message.value?.toString()) >= STUCK_AT) throw new Error('poison');
        handled += 1;
      },
    });
    await sendNumbered(kafka, topic, 0, 60);
    await waitForRecords(kafka, queue.fallback.name, 60);
    await waitFor(
      'the consumer to be stuck',
      async () => handled >= STUCK_AT && (await kafka.admin.remaining(queue)) === 60 - STUCK_AT,
      { deadlineMs: 30_000 },
    );
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    await kafka.admin.fence(queue);
    assert.deepEqual(await groupOffsets(kafka, group, topic), { 0: '60' });
    const { moved, missing } = await kafka.admin.rewind(queue);
    assert.deepEqual([moved, missing], [[{ partition: 0, offset: String(STUCK_AT) }], 0]);
    assert.deepEqual(await groupOffsets(kafka, group, topic), { 0: String(STUCK_AT) });
  });

  it('moves a group whose members read the original again: the target was made anew, and its pods would commit over it', async () => {
    const kafka = world();
    const { topic, group, queue } = await createSplit(kafka, await createOriginal(kafka, 1));
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 60);
    await waitForRecords(kafka, queue.fallback.name, 60);
    const UNREAD_FROM = 30;
    await commitUpTo(kafka, { name: queue.fallback.name, group }, UNREAD_FROM - 1);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    await kafka.admin.fence(queue);
    const consumer = kafka.kafka.consumer({ groupId: group });
    kafka.closeLater(() => consumer.disconnect());
    const handled = new Set<number>();
    await consumer.connect();
    await consumer.subscribe({ topic });
    await consumer.run({ eachMessage: async ({ message }) => void handled.add(Number(message.value?.toString())) });
    await sendNumbered(kafka, topic, 60, 65);
    await waitFor('the new target to read', () => handled.size === 5, { deadlineMs: 30_000 });
    const { moved } = await kafka.admin.rewind(queue);
    assert.deepEqual(moved, [{ partition: 0, offset: String(UNREAD_FROM) }]);
    await sendNumbered(kafka, topic, 65, 70);
    await waitFor('it to read what nobody has read', () => handled.size === 70 - UNREAD_FROM, { deadlineMs: 30_000 });
    assert.ok(handled.has(UNREAD_FROM) && !handled.has(UNREAD_FROM - 1));
  });

  it('says how many unread copies have no original any more', async () => {
    const kafka = world();
    const { topic, queue } = await createSplit(kafka, await createOriginal(kafka, 1));
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 40);
    await waitForRecords(kafka, queue.fallback.name, 40);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    await kafka.admin.fence(queue);
    await deleteRecordsBefore(kafka, topic, 0, 15n);
    const { moved, missing } = await kafka.admin.rewind(queue);
    assert.deepEqual({ moved, missing }, { moved: [{ partition: 0, offset: '15' }], missing: 15 });
  });

  it('moves nothing when everything was read', async () => {
    const kafka = world();
    const { topic, group, queue } = await createSplit(kafka, await createOriginal(kafka));
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 40);
    await waitForRecords(kafka, queue.fallback.name, 40);
    await commitUpTo(kafka, { name: queue.fallback.name, group }, 40);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    await kafka.admin.fence(queue);
    const before = await groupOffsets(kafka, group, topic);
    await kafka.admin.rewind(queue);
    assert.deepEqual(await groupOffsets(kafka, group, topic), before);
  });

  it('what the application itself sends to its fallback afterwards goes to the original, exactly once', async () => {
    const kafka = world();
    const { topic, group, queue } = await createSplit(kafka, await createOriginal(kafka));
    const fallback = queue.fallback.name;
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 40);
    await waitForRecords(kafka, fallback, 40);
    await commitUpTo(kafka, { name: fallback, group }, 9);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    await kafka.admin.fence(queue);
    const { fallbackEnd, missing } = await kafka.admin.rewind(queue);
    assert.equal(missing, 0);
    const rewound = { ...queue, rewound: true, fallbackEnd };
    assert.equal(await kafka.admin.returnOwn(rewound), 0, 'copies stay where they are');

    await sendNumbered(kafka, fallback, 40, 60);
    // The application goes on reading: what it has read by itself does not come again.
    await commitUpTo(kafka, { name: fallback, group }, 44);
    const own = (await readAll(kafka, fallback)).filter(({ value }) => Number(value?.toString()) > 44);
    const transaction = await kafka.kafka.producer({ transactionalId: `app-${topic}`, maxInFlightRequests: 1 });
    kafka.closeLater(() => transaction.disconnect());
    await transaction.connect();
    const open = await transaction.transaction();
    await open.send({ topic: fallback, messages: numbered(60, 70) });
    await assert.rejects(kafka.admin.returnOwn(rewound), /waiting for the end of a transaction/);
    await open.abort();
    await untilNoTransaction(kafka, fallback);

    assert.equal(await kafka.admin.returnOwn(rewound), 15);
    assert.equal(await kafka.admin.returnOwn(rewound), 0, 'it may be done again');
    await untilNoTransaction(kafka, topic);
    const returned = (await readAll(kafka, topic)).filter(({ value }) => Number(value?.toString()) >= 40);
    const content = (records: typeof own) => records.map(({ offset: _, codec: __, ...record }) => ({ ...record }));
    assert.deepEqual(content(returned), content(own), 'exact, in its partition and in its order');
  });

  it('a controller that is killed in mid-return has sent nothing, and the next one sends everything once', async () => {
    const kafka = world();
    const { topic, queue } = await createSplit(kafka, await createOriginal(kafka, 1));
    await kafka.admin.fence(queue);
    const { fallbackEnd } = await kafka.admin.rewind(queue);
    const rewound = { ...queue, rewound: true, fallbackEnd };
    await sendNumbered(kafka, queue.fallback.name, 0, 10);
    const dead = new TransactionalProducer(kafka.cluster, `${queue.transactionalIdPrefix}-rewind`);
    await dead.take();
    for await (const { records } of readToEnd(kafka.cluster, { topic: queue.fallback.name, partition: 0, from: 0n })) {
      await dead.produce([{ topic, partition: 0, records: records.slice(0, 5) }]);
    }
    assert.equal(await kafka.admin.returnOwn(rewound), 10);
    await waitForRecords(kafka, topic, 10);
    const ids = Array.from({ length: 10 }, (_, id) => String(id));
    assert.deepEqual(await values(kafka, topic), ids);
    assert.equal(await countAborted(kafka, topic), 1, 'what it had begun was aborted');
  });
});

/** The broker writes the end of a transaction after it has answered that it is over. */
async function untilNoTransaction({ cluster }: KafkaWorld, topic: string): Promise<void> {
  const partitions = (await cluster.describeTopic(topic)).partitions.map(({ partition }) => partition);
  await waitFor(
    `every transaction on topic ${topic} to be over`,
    async () => (await stableEnds(cluster, topic, partitions)).open.length === 0,
    { deadlineMs: 20_000, intervalMs: 50 },
  );
}
