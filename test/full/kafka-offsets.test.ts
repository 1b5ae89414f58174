/** A broker that keeps offsets for one minute: those of an idle split are there after it, with a reader and without one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commitWithoutMembers } from '../../common/kafka/wire/offsets.ts';
import { groupOffsets, sendNumbered, waitForRecords } from '../brokers/kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  openKafkaWorld,
  openPipeline,
  routeOf,
  skip,
  unique,
  useKafkaWorld,
} from '../brokers/kafka-support.ts';
import { waitFor } from '../testbed/wait.ts';

const world = useKafkaWorld(() =>
  openKafkaWorld({ 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '1000' }),
);

describe('an idle split', { skip }, () => {
  it('keeps every offset of its groups beyond the time that the broker keeps them for', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 2);
    const { queue, group } = await createSplit(kafka, topic, { alice: ALICE });
    const { destination } = routeOf(queue);
    // The deployed pod lives, and reads the fallback only.
    const consumer = kafka.kafka.consumer({ groupId: group });
    kafka.closeLater(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topic: queue.fallback.name });
    await consumer.run({ eachMessage: async () => undefined });
    // The local process has read something once, and sleeps.
    const pipeline = openPipeline(kafka, queue);
    await pipeline.apply(queue);
    await sendNumbered(kafka, topic, 0, 40);
    await waitForRecords(kafka, destination.name, 20);
    const sleeper = kafka.kafka.consumer({ groupId: destination.group });
    kafka.closeLater(() => sleeper.disconnect());
    await sleeper.connect();
    await sleeper.subscribe({ topic: destination.name });
    let read = 0;
    await sleeper.run({
      eachMessage: async () => {
        read += 1;
      },
    });
    await waitFor('the local process to have read', () => read === 20, { deadlineMs: 30_000 });
    const offsets = async () => ({
      original: await groupOffsets(kafka, group, topic),
      session: await groupOffsets(kafka, destination.group, destination.name),
    });
    const sum = (found: Record<number, string>) => Object.values(found).reduce((all, one) => all + Number(one), 0);
    await waitFor('the group to have its offsets', async () => sum((await offsets()).original) === 40, {
      deadlineMs: 10_000,
    });
    await sleeper.disconnect();
    const before = await offsets();
    // Somebody who is not looked after, to know when the time is over; twice, so that expiry has had its chance.
    const control = unique('control');
    for (const round of ['first', 'second']) {
      await commitWithoutMembers(kafka.cluster, control, topic, new Map([[0, 1n]]));
      await waitFor(
        `the ${round} offset that nobody looks after to expire`,
        async () => Object.keys(await groupOffsets(kafka, control, topic)).length === 0,
        { deadlineMs: 100_000 },
      );
    }
    await waitFor(
      'every offset to be there',
      async () => {
        assert.deepEqual(await offsets(), before);
        return true;
      },
      { deadlineMs: 10_000 },
    );
    await consumer.disconnect();
    await pipeline.close();
  });
});
