/**
 * One scenario that every Kafka consumer must pass: the application reads its topic, is split while it does, reads the fallback in its own group
 * beside another topic, a session reads its topic from a later moment on, leaves, and the application goes back. Each number is read once.
 */
import assert from 'node:assert/strict';
import { describeGroup } from '../../../common/kafka/wire/groups.ts';
import { waitFor } from '../../testbed/wait.ts';
import { isAlices, numbered, sendNumbered } from '../kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  ending,
  type KafkaWorld,
  makeTopic,
  openPipeline,
  routeOf,
  unique,
} from '../kafka-support.ts';
import { type Commit, type ForeignConsumer, type Library, type Properties, startConsumer, textOf } from './programs.ts';

export type Application = {
  library: Library;
  commit: Commit;
  properties?: Properties;
  /** Subscribes to `^name$` instead of the name, and to no other topic. */
  byPattern?: true;
};

const DEADLINE = { deadlineMs: 60_000 };
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const numbersOf = (reader: ForeignConsumer) => reader.seen().map(({ value }) => Number(textOf(value)));

async function waitForNumbers(what: string, reader: ForeignConsumer, wanted: readonly number[]): Promise<void> {
  await waitFor(
    what,
    () => {
      const found = numbersOf(reader);
      if (found.length < wanted.length) throw new Error(`${found.length} of ${wanted.length} are read`);
      return true;
    },
    DEADLINE,
  );
  assert.deepEqual(
    numbersOf(reader).toSorted((one, other) => one - other),
    [...wanted].toSorted((one, other) => one - other),
    what,
  );
  const last = new Map<string, number>();
  for (const { key, value } of reader.seen()) {
    const number = Number(textOf(value));
    assert.ok(number > (last.get(textOf(key)) ?? -1), `${what}: ${number} of key ${textOf(key)} in order`);
    last.set(textOf(key), number);
  }
}

export async function livesThroughASplit(kafka: KafkaWorld, application: Application): Promise<void> {
  const topic = await createOriginal(kafka);
  const other = `${topic}-other`;
  await makeTopic(kafka, other, 1);
  const group = unique('app');
  const startIn = async (
    groupId: string,
    name: string,
    others: string[],
    reset = 'latest',
  ): Promise<ForeignConsumer> => {
    const { library, commit, properties = {}, byPattern } = application;
    const topics = byPattern ? [`^${name}$`] : [name, ...others];
    const reader = await startConsumer(kafka.place, library, topics, commit, {
      'bootstrap.servers': kafka.broker.bootstrapServers,
      'group.id': groupId,
      'auto.offset.reset': reset,
      ...properties,
    });
    kafka.closeLater(() => reader.stop());
    await waitForReader(kafka, groupId, name);
    return reader;
  };
  const start = (name: string) => startIn(group, name, [other]);

  // A group that never committed: `latest` would depend on when the client asks where that is.
  const old = await startIn(group, topic, [other], 'earliest');
  await sendNumbered(kafka, topic, 0, 40);
  await waitForNumbers('the application before the split', old, range(0, 40));
  const { queue } = await createSplit(kafka, topic, { alice: ALICE }, group);
  assert.equal((await kafka.admin.settle(queue, new Set())).settled, false, 'the application still reads the original');
  await old.stop();
  const patched = await start(queue.fallback.name);
  await waitFor('the group to be settled', async () => (await kafka.admin.settle(queue, new Set())).settled, DEADLINE);

  const pipeline = openPipeline(kafka, queue);
  await pipeline.apply(queue);
  await sendNumbered(kafka, topic, 40, 140);
  const others = range(40, 140).filter((id) => !isAlices(id));
  await waitForNumbers('the patched application', patched, others);
  const { destination } = routeOf(queue);
  const session = await startIn(destination.group, destination.name, []);
  await waitForNumbers('the session, late and from `latest`', session, range(40, 140).filter(isAlices));
  await session.stop();
  await pipeline.apply(ending(queue));
  const [returned] = await waitFor('the end of the session', () => pipeline.status().returned, DEADLINE);
  assert.equal(returned?.messages, 0, 'the session committed what it read');
  await sendNumbered(kafka, topic, 140, 160);
  await waitForNumbers('the application after the session', patched, [...others, ...range(140, 160)]);

  await pipeline.apply({ ...ending(queue), forwarding: 'Stop' });
  await waitFor('the drain', async () => (await kafka.admin.remaining(queue)) === 0, DEADLINE);
  await kafka.admin.fence(queue);
  await patched.stop();
  await pipeline.close();
  await kafka.producer.send({ topic, messages: numbered(160, 180) });
  const restored = await start(topic);
  await waitForNumbers('the restored application', restored, range(160, 180));
  await restored.stop();
}

/** Settled, and a member has a share of the topic. */
async function waitForReader(kafka: KafkaWorld, group: string, topic: string): Promise<void> {
  await waitFor(
    `group ${group} to read ${topic}`,
    async () => {
      const { settled, members } = await describeGroup(kafka.cluster, group);
      return (
        settled &&
        members.length === 1 &&
        members.some(
          ({ topics, pattern, assigned }) => topics.includes(topic) || (pattern !== null && assigned.includes(topic)),
        )
      );
    },
    DEADLINE,
  );
}
