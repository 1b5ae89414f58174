/** Kafka is exactly once: the forwarder dies by SIGKILL at each named point and another takes over; fenced and stopped ones write nothing any more. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { SplitQueue } from '../../api/kinds/workload-split.ts';
import { CRASH_POINT_VARIABLE } from '../../common/crash-points.ts';
import { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import type { Supervised } from '../testbed/processes.ts';
import { waitFor, withDeadline } from '../testbed/wait.ts';
import {
  assertOrdered,
  countAborted,
  groupOffsets,
  isAlices,
  readAll,
  type Stored,
  sendNumbered,
  waitForRecords,
} from './kafka-records.ts';
import {
  createOriginal,
  createSplit,
  type KafkaWorld,
  openKafkaWorld,
  openPipeline,
  type Split,
  skip,
  useKafkaWorld,
} from './kafka-support.ts';

const PROGRAM = join(import.meta.dirname, 'kafka-pipeline-program.ts');
const TOTAL = 600;
const FILTER = { alice: { tenant: '^alice$' } };

const world = useKafkaWorld(openKafkaWorld);

const start = (kafka: KafkaWorld, queue: SplitQueue, crashPoint = ''): Promise<Supervised> =>
  kafka.place.start(process.execPath, [PROGRAM, kafka.broker.bootstrapServers, JSON.stringify(queue)], {
    name: 'kafka-pipeline',
    env: { ...process.env, [CRASH_POINT_VARIABLE]: crashPoint },
  });

/** Runs until the named point kills it, and proves that it was that point. */
async function runUntilKilled(kafka: KafkaWorld, queue: SplitQueue, crashPoint: string): Promise<void> {
  const program = await start(kafka, queue, crashPoint);
  const reason = await withDeadline(program.ended, `the death at ${crashPoint}`, 30_000);
  assert.equal(reason.signal, 'SIGKILL', program.tail());
  assert.ok(program.tail().includes(`crash-point ${crashPoint.split(':')[0]}`), program.tail());
}

const ids = (records: readonly Stored[]) =>
  records.map(({ value }) => Number(value?.toString())).toSorted((a, b) => a - b);
const alices = Array.from({ length: TOTAL }, (_, id) => id).filter(isAlices);
const others = Array.from({ length: TOTAL }, (_, id) => id).filter((id) => !isAlices(id));

async function split(kafka: KafkaWorld): Promise<Split & { alice: string }> {
  const made = await createSplit(kafka, await createOriginal(kafka), FILTER);
  return { ...made, alice: made.queue.routes[0]?.destination.name ?? '' };
}

async function assertExactlyOnce(kafka: KafkaWorld, { queue, alice }: Split & { alice: string }): Promise<void> {
  const toAlice = await waitForRecords(kafka, alice, alices.length, 30_000);
  const toFallback = await waitForRecords(kafka, queue.fallback.name, others.length, 30_000);
  assert.deepEqual(ids(toAlice), alices);
  assert.deepEqual(ids(toFallback), others);
  assertOrdered(toAlice);
  assertOrdered(toFallback);
}

describe('the Kafka pipeline', { skip }, () => {
  const points = ['before-produce:2', 'between-produce-and-commit:3', 'between-offsets-and-end:2', 'after-end:4'];
  for (const point of points) {
    it(`forwards exactly once when it dies at kafka.${point}`, async () => {
      const kafka = world();
      const made = await split(kafka);
      await sendNumbered(kafka, made.topic, 0, TOTAL);
      await runUntilKilled(kafka, made.queue, `kafka.${point}`);
      await runUntilKilled(kafka, made.queue, `kafka.${point}`);
      const last = await start(kafka, made.queue);
      await assertExactlyOnce(kafka, made);
      await last.stop();
      if (point.startsWith('between')) assert.ok((await countAborted(kafka, made.queue.fallback.name)) > 0);
    });
  }

  it('goes on exactly once when another takes over while it is stopped, and writes nothing when it wakes up', async () => {
    const kafka = world();
    const made = await split(kafka);
    const first = openPipeline(kafka, made.queue);
    await first.apply(made.queue);
    await sendNumbered(kafka, made.topic, 0, TOTAL / 2);
    await waitForRecords(kafka, made.alice, alices.length / 2);
    const second = openPipeline(kafka, made.queue);
    await second.apply(made.queue);
    await sendNumbered(kafka, made.topic, TOTAL / 2, TOTAL);
    await assertExactlyOnce(kafka, made);
    await waitFor('the first to know that it is fenced', () => first.status().reason === 'Fenced', {
      deadlineMs: 10_000,
    });
    assert.equal(first.status().state, 'Error');
    await assert.rejects(first.apply(made.queue), { code: 'Fenced' });
    assert.equal(second.status().state, 'Forwarding');
    await Promise.all([first.close(), second.close()]);
  });

  it('writes nothing while its Lease is not fresh, and goes on when it is', async () => {
    const kafka = world();
    const made = await split(kafka);
    const pipeline = openPipeline(kafka, made.queue);
    await pipeline.apply(made.queue);
    pipeline.allow(false);
    await sendNumbered(kafka, made.topic, 0, TOTAL);
    await waitFor('the pipeline to say why it waits', () => pipeline.status().reason === 'Interrupted', {
      deadlineMs: 10_000,
    });
    assert.equal((await readAll(kafka, made.alice)).length, 0);
    pipeline.allow(true);
    await assertExactlyOnce(kafka, made);
    await pipeline.close();
  });

  it('cannot move the group any more after the controller has fenced it', async () => {
    const kafka = world();
    const made = await split(kafka);
    const pipeline = openPipeline(kafka, made.queue);
    await pipeline.apply(made.queue);
    await kafka.admin.fence(made.queue);
    const before = await groupOffsets(kafka, made.group, made.topic);
    await sendNumbered(kafka, made.topic, 0, 10);
    await waitFor('the pipeline to be fenced', () => pipeline.status().reason === 'Fenced', { deadlineMs: 10_000 });
    assert.deepEqual(await groupOffsets(kafka, made.group, made.topic), before);
    assert.equal((await readAll(kafka, made.queue.fallback.name)).length, 0);
    await pipeline.close();
  });

  it('a dead transaction of a predecessor is ended by the fence at once, not by its timeout', async () => {
    const kafka = world();
    const made = await split(kafka);
    await sendNumbered(kafka, made.topic, 0, TOTAL);
    await runUntilKilled(kafka, made.queue, 'kafka.between-offsets-and-end:1');
    // Its timeout is 15 s.
    await withDeadline(kafka.admin.fence(made.queue), 'the fence', 10_000);
    const offsets = await groupOffsets(kafka, made.group, made.topic);
    assert.deepEqual(Object.values(offsets), ['0', '0', '0', '0'], 'the cut-over was committed, the turn was not');
  });

  it('an epoch of a producer that was renewed goes on, one that was taken does not', async () => {
    const kafka = world();
    const made = await split(kafka);
    const one = new TransactionalProducer(kafka.cluster, `${made.queue.transactionalIdPrefix}-0`);
    await one.take();
    await one.commitOffsets(made.group, made.topic, new Map([[0, 1n]]));
    await one.abort();
    await one.renew();
    await one.commitOffsets(made.group, made.topic, new Map([[0, 2n]]));
    await one.commit();
    const other = new TransactionalProducer(kafka.cluster, `${made.queue.transactionalIdPrefix}-0`);
    await other.take();
    await assert.rejects(one.renew(), { code: 'Fenced' });
    await assert.rejects(one.commitOffsets(made.group, made.topic, new Map([[0, 3n]])), { code: 'Fenced' });
  });
});
