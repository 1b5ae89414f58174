/** A target that is gone: what nobody read is given back by moving the application's group, and nothing is produced into the original. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { commitWithoutMembers, type Offsets } from '../../common/kafka/wire/offsets.ts';
import { groupOffsets, readAll, sendNumbered, waitForRecords } from './kafka-records.ts';
import {
  createOriginal,
  createSplit,
  type KafkaWorld,
  opened,
  openKafkaWorld,
  openPipeline,
  skip,
} from './kafka-support.ts';

let world: KafkaWorld | undefined;
before(async () => {
  world = await openKafkaWorld();
});
after(() => world?.close());

/** As a reader that handled everything up to a number. */
async function readUpTo(kafka: KafkaWorld, topic: string, group: string, last: number): Promise<void> {
  const offsets: Offsets = new Map();
  for (const { partition, offset, value } of await readAll(kafka, topic)) {
    if (Number(value?.toString()) <= last) offsets.set(partition, offset + 1n);
  }
  await commitWithoutMembers(kafka.cluster, group, topic, offsets);
}

describe('the rewind of a lost target', { skip }, () => {
  it('goes to the first record of each partition that nobody read, in the fallback or in a session', async () => {
    const kafka = opened(world);
    const original = await createOriginal(kafka);
    const { topic, group, queue } = await createSplit(kafka, original, { alice: { tenant: '^alice$' } });
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 200);
    const alice = queue.routes[0]?.destination;
    assert.ok(alice?.group);
    await waitForRecords(kafka, queue.fallback.name, 100);
    await waitForRecords(kafka, alice.name, 100);
    await readUpTo(kafka, queue.fallback.name, group, 99);
    await readUpTo(kafka, alice.name, alice.group, 149);
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

  it('moves nothing when everything was read', async () => {
    const kafka = opened(world);
    const { topic, group, queue } = await createSplit(kafka, await createOriginal(kafka));
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 40);
    await waitForRecords(kafka, queue.fallback.name, 40);
    await readUpTo(kafka, queue.fallback.name, group, 40);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    await kafka.admin.fence(queue);
    const before = await groupOffsets(kafka, group, topic);
    await kafka.admin.rewind(queue);
    assert.deepEqual(await groupOffsets(kafka, group, topic), before);
  });
});
