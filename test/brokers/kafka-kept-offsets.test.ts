/** Offsets of readers that the forwarder looks after: committed again when they are gone, and never in place of what a reader commits itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { kafkaClientOptions } from '../../common/kafka/connection-options.ts';
import { Cluster } from '../../common/kafka/wire/cluster.ts';
import { committedOffsets, commitWithoutMembers } from '../../common/kafka/wire/offsets.ts';
import { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { Engine } from '../../sidecar/kafka/engine.ts';
import { offerOffsets } from '../../sidecar/kafka/offer-offsets.ts';
import { OffsetKeeper } from '../../sidecar/kafka/offset-keeper.ts';
import { KAFKA_DEFAULTS } from '../../sidecar/kafka/settings.ts';
import { groupOffsets } from './kafka-records.ts';
import {
  createOriginal,
  createSplit,
  FAST,
  type KafkaWorld,
  openKafkaWorld,
  skip,
  unique,
  useKafkaWorld,
} from './kafka-support.ts';

const world = useKafkaWorld(openKafkaWorld);

const ignore = () => undefined;

/** Of a split of this topic. */
async function openEngine(kafka: KafkaWorld, topic: string): Promise<Engine> {
  const { queue } = await createSplit(kafka, topic);
  const engine = await Engine.open({
    queue,
    cluster: new Cluster(kafkaClientOptions(kafka.properties)),
    settings: { ...KAFKA_DEFAULTS, ...FAST },
    clock: systemClock,
    random: Math.random,
    mayWrite: () => true,
    onForwarded: ignore,
    onProblem: ignore,
    onFatal: ignore,
    onReturned: ignore,
    onOrderGivenUp: ignore,
  });
  kafka.closeLater(() => engine.close());
  return engine;
}

describe('offsets of a reader', { skip }, () => {
  it('are committed again where they were when their reader is away for long', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 2);
    const group = unique('reader');
    const real = await openEngine(kafka, topic);
    const engine = {
      lanes: [],
      destinations: [{ name: topic, group }],
      partitions: [0, 1],
      topic: real.topic,
      group,
      commitWhereNone: real.commitWhereNone,
    };
    const keeper = new OffsetKeeper({ cluster: kafka.cluster, clock: systemClock, recommitMs: 1000, engine });
    await keeper.lookAfterReaders(true);
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[1, 3n]]));
    await keeper.lookAfterReaders(true);
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[1, 5n]]));
    await keeper.lookAfterReaders(true);
    await kafka.topics.deleteGroups([group]);
    await assert.rejects(keeper.lookAfterReaders(true), { code: 'GroupUnsettled', message: /partition 1, were gone/ });
    assert.deepEqual(await groupOffsets(kafka, group, topic), { 1: '5' });
    await keeper.lookAfterReaders(true);
    engine.partitions = [];
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[1, 7n]]));
    await keeper.lookAfterReaders(true);
    assert.deepEqual(await groupOffsets(kafka, group, topic), { 1: '7' }, 'nothing is placed, so nothing is missing');
    engine.partitions = [0, 1];
    engine.destinations = [{ name: await createOriginal(kafka, 2), group: unique('target') }, ...engine.destinations];
    await keeper.lookAfterReaders(true);
    await kafka.topics.deleteGroups([group]);
    await keeper.lookAfterReaders(false);
    assert.deepEqual(
      await groupOffsets(kafka, group, topic),
      {},
      'the group of a session that has ended goes on purpose',
    );
    await real.close();
  });

  it('stay when it has committed between the look and our commit', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 2);
    const group = unique('reader');
    const engine = await openEngine(kafka, topic);
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[1, 7n]]));
    const older = new Map([
      [0, 2n],
      [1, 5n],
    ]);
    await assert.rejects(engine.commitWhereNone(group, topic, older), {
      code: 'GroupUnsettled',
      message: /partition 1, itself; that stays/,
    });
    const { offsets, unstable } = await committedOffsets(kafka.cluster, group, topic, [0, 1]);
    assert.deepEqual([...offsets], [[1, 7n]]);
    assert.deepEqual(unstable, [], 'a reader that comes now need not wait');
    await engine.commitWhereNone(group, topic, new Map([[0, 2n]]));
    assert.deepEqual(await groupOffsets(kafka, group, topic), { 0: '2', 1: '7' });
    await engine.close();
  });

  it('stay when it commits while our transaction is under way', async () => {
    const kafka = world();
    const topic = await createOriginal(kafka, 1);
    const group = unique('reader');
    const producer = new TransactionalProducer(kafka.cluster, unique('offer'));
    await producer.take();
    await offerOffsets(kafka.cluster, producer, group, topic, new Map([[0, 5n]]));
    await commitWithoutMembers(kafka.cluster, group, topic, new Map([[0, 9n]]));
    await producer.commit();
    assert.deepEqual(await groupOffsets(kafka, group, topic), { 0: '9' });
  });
});
