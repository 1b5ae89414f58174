/** A broker that hangs behind knows no topic that is new. What it does not know is not taken for gone, nor for not made yet. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { SplitterError } from '../../common/errors.ts';
import { kafkaClientOptions } from '../../common/kafka/connection-options.ts';
import { Cluster, type TopicInfo } from '../../common/kafka/wire/cluster.ts';
import { TransactionalProducer } from '../../common/kafka/wire/transactional-producer.ts';
import { collectTopics } from '../../controller/brokers/kafka/orphans.ts';
import { removeTopic } from '../../controller/brokers/kafka/removal.ts';
import { remainingRecords } from '../../controller/brokers/kafka/restore.ts';
import { rewind } from '../../controller/brokers/kafka/rewind.ts';
import { createTopic } from '../../controller/brokers/kafka/topics.ts';
import { Ending } from '../../sidecar/kafka/ending.ts';
import { KAFKA_DEFAULTS } from '../../sidecar/kafka/settings.ts';
import { waitFor } from '../testbed/wait.ts';
import { groupOffsets, numbered, sendNumbered, untilGone, waitForRecords } from './kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  FAST,
  type KafkaWorld,
  OWNER,
  openKafkaWorld,
  openPipeline,
  routeOf,
  type Split,
  skip,
  unique,
  useKafkaWorld,
} from './kafka-support.ts';

const RECORDS = 20;

/** Speaks to the real broker, and knows nothing of one topic until it has caught up. */
class ClusterBehind extends Cluster {
  hasCaughtUp = false;
  readonly #unknown: string;

  constructor({ properties, closeLater }: KafkaWorld, unknown: string) {
    super(kafkaClientOptions(properties));
    this.#unknown = unknown;
    closeLater(() => this.close());
  }

  override async describeTopics(names: readonly string[]): Promise<Map<string, TopicInfo>> {
    const found = await super.describeTopics(names);
    if (!this.hasCaughtUp) found.delete(this.#unknown);
    return found;
  }
}

const world = useKafkaWorld(openKafkaWorld);

/** Stopped and fenced, with everything unread in its fallback. */
async function stoppedSplit(kafka: KafkaWorld): Promise<Split> {
  const split = await createSplit(kafka, await createOriginal(kafka, 1));
  const pipeline = openPipeline(kafka, split.queue);
  await pipeline.apply(split.queue);
  await sendNumbered(kafka, split.topic, 0, RECORDS);
  await waitForRecords(kafka, split.queue.fallback.name, RECORDS);
  await pipeline.apply({ ...split.queue, forwarding: 'Stop' });
  await kafka.admin.fence(split.queue);
  return split;
}

const isRetryable = (error: unknown): boolean => error instanceof SplitterError && error.retryable;

describe('a topic that a broker does not know', { skip }, () => {
  it('is not drained', async () => {
    const kafka = world();
    const { queue, group } = await stoppedSplit(kafka);
    const { name } = queue.fallback;
    const cluster = new ClusterBehind(kafka, name);
    await assert.rejects(remainingRecords(cluster, name, group), isRetryable);
    cluster.hasCaughtUp = true;
    assert.equal(await remainingRecords(cluster, name, group), RECORDS);
    await kafka.topics.deleteTopics({ topics: [name] });
    const isGone = async () => (await remainingRecords(cluster, name, group).catch(() => undefined)) === 0;
    await waitFor('a topic that is really gone to hold nothing', isGone, { deadlineMs: 10_000, intervalMs: 20 });
  });

  it('has not been read: its group is not called rewound', async () => {
    const kafka = world();
    const { topic, queue, group } = await stoppedSplit(kafka);
    const original = { topic, group };
    const cluster = new ClusterBehind(kafka, queue.fallback.name);
    await assert.rejects(rewind(cluster, queue, original), isRetryable);
    cluster.hasCaughtUp = true;
    assert.deepEqual((await rewind(cluster, queue, original)).moved, [{ partition: 0, offset: '0' }]);
  });

  it('still has what its session did not read', async () => {
    const kafka = world();
    const { queue } = await createSplit(kafka, await createOriginal(kafka, 1), { alice: ALICE });
    const route = routeOf(queue);
    const session = route.destination;
    await kafka.producer.send({ topic: session.name, messages: numbered(0, RECORDS) });
    const cluster = new ClusterBehind(kafka, session.name);
    const producer = new TransactionalProducer(kafka.cluster, unique('return'));
    await producer.take();
    const problems: string[] = [];
    const end = new Ending(
      {
        route,
        session,
        fallback: queue.fallback.name,
        cluster,
        laneOf: () => ({ transactions: { transact: (work) => work(producer).then(() => producer.commit()) } }),
        release: () => undefined,
        settings: { ...KAFKA_DEFAULTS, ...FAST },
        clock: systemClock,
        onOrderGivenUp: () => undefined,
        onProblem: (problem) => problem && problems.push(problem.message),
        signal: new AbortController().signal,
      },
      [0],
    );
    const done = end.run();
    await waitFor('its end to be held up', () => problems.length > 0 || end.returned !== undefined, {
      deadlineMs: 10_000,
    });
    assert.equal(end.returned, undefined);
    cluster.hasCaughtUp = true;
    await done;
    assert.equal(end.returned, RECORDS);
    await waitForRecords(kafka, queue.fallback.name, RECORDS);
  });

  it('is not deleted unread when its split is lost', async () => {
    const kafka = world();
    const { topic, queue, group, entries } = await stoppedSplit(kafka);
    const cluster = new ClusterBehind(kafka, queue.fallback.name);
    const remains = { queue, entries: Object.values(entries), owner: OWNER, isSplitAgain: false };
    const signal = new AbortController().signal;
    const [why = ''] = await collectTopics(async () => cluster, remains, signal);
    assert.match(why, /are kept/);
    cluster.hasCaughtUp = true;
    assert.deepEqual(await collectTopics(async () => cluster, remains, signal), []);
    assert.deepEqual(await groupOffsets(kafka, group, topic), { 0: '0' }, 'given back before it went');
  });

  it('is not made anew, and asked for again', async () => {
    const kafka = world();
    const { topic, entries } = await stoppedSplit(kafka);
    const entry = entries['fallback'] ?? assert.fail();
    const cluster = new ClusterBehind(kafka, entry.name);
    await assert.rejects(createTopic(cluster, entry, topic), isRetryable);
    cluster.hasCaughtUp = true;
    assert.equal((await createTopic(cluster, entry, topic)).topicId, entry.topicId);
  });

  it('is not forgotten when nobody noted its id', async () => {
    const kafka = world();
    const { entries } = await stoppedSplit(kafka);
    const { topicId: _, ...entry } = entries['fallback'] ?? assert.fail();
    const cluster = new ClusterBehind(kafka, entry.name);
    await assert.rejects(removeTopic(cluster, entry), isRetryable);
    cluster.hasCaughtUp = true;
    await removeTopic(cluster, entry);
    await untilGone(kafka, entry.name);
    await removeTopic(cluster, entry);
  });
});
