// A forwarder dies, or stands still until others have taken over, at each named point of its data paths, while producers send without pause.
// SQS may deliver a message twice, Kafka may not: there the broker shows the aborted transactions of the dead.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { readReceived } from '../checker/history.ts';
import { type CrashPod, NEVER, scaleOwn, signalPod, startCrashPod } from '../cluster/stage/crash.ts';
import { openPlay } from '../cluster/stage/play.ts';
import { holder, ownPods, readSplits, untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import type { PlayedSession } from '../cluster/stage/session.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import type { Supervised } from '../testbed/processes.ts';
import { waitFor } from '../testbed/wait.ts';

const PATIENCE_MS = 120_000;
/** So long that others have been started, have seen a Lease run out, and have taken over. */
const STAND_STILL_MS = 60_000;
const COUNT_ABORTED = join(import.meta.dirname, '../cluster/stage/count-aborted-program.ts');

const play = openPlay({ kafka: true });
const ALICE = 'alice';
let alice: PlayedSession;
let worker: Supervised;

/** Starts a forwarder that is alone, and resolves when it has died at its point and is gone with its Lease. */
async function dieAt(point: string): Promise<void> {
  const pod = await startCrashPod(play.stage, 'forwarder', point);
  await pod.hit(PATIENCE_MS);
  await pod.remove();
}

/** As the broker counts them, in every temporary topic. */
async function abortedTransactions(): Promise<number> {
  const { stage } = play;
  const [split] = await readSplits(stage, SHOP_NAMESPACE);
  const queue = split?.spec.queues.find(({ kind }) => kind === 'Kafka');
  assert.ok(stage.kafka && queue);
  const topics = [queue.fallback.name, ...queue.routes.map(({ destination }) => destination.name)];
  const args = [COUNT_ABORTED, stage.kafka.bootstrapServers, ...topics];
  const { stdout } = await stage.place.execute(process.execPath, args);
  return Number(stdout);
}

/** Orders of every kind that were sent from now on reach alice and the deployed workload. */
async function untilFlowing(): Promise<void> {
  const since = Date.now();
  const isThere = (kind: string, reader: string) =>
    readReceived(play.stage.collector.file).some(
      (line) => line.sentAt > since && line.kind === kind && line.reader === reader,
    );
  await waitFor(
    'orders of every kind to flow to alice and to the deployed workload',
    () => play.kinds.every((kind) => [ALICE, ORDERS_WORKER].every((reader) => isThere(kind.toLowerCase(), reader))),
    { deadlineMs: PATIENCE_MS, intervalMs: 300 },
  );
}

async function untilHolder(what: string, isIt: (name: string) => boolean): Promise<void> {
  await waitFor(what, async () => isIt(await holder(play.stage, SHOP_NAMESPACE)), {
    deadlineMs: PATIENCE_MS,
    intervalMs: 300,
  });
}

test('a session of both kinds, which stays for all that follows', async () => {
  alice = await play.session({ name: ALICE, filter: { tenant: '^alice$' }, kinds: play.kinds });
  await alice.ready();
  worker = await alice.startWorker();
  await untilReceived(play.stage, ALICE, 5);
});

test('deaths around storing and deleting of SQS', async () => {
  await scaleOwn(play.stage, 'forwarder', 0);
  for (const point of ['sqs.before-send:5', 'sqs.between-send-and-delete:5', 'sqs.after-delete:5']) await dieAt(point);
  await scaleOwn(play.stage, 'forwarder', 2);
  await untilFlowing();
});

test('deaths around producing and committing of Kafka', async (context) => {
  if (!play.stage.kafka) return context.skip(play.stage.kafkaMissing ?? 'no Kafka');
  await scaleOwn(play.stage, 'forwarder', 0);
  await dieAt('kafka.before-produce:5');
  for (const point of ['kafka.between-produce-and-commit:5', 'kafka.between-offsets-and-end:5']) {
    const before = await abortedTransactions();
    await dieAt(point);
    // The next one takes the transactional ids, which ends what the dead one had begun.
    await dieAt('kafka.after-end:5');
    assert.ok((await abortedTransactions()) > before, `the broker shows no aborted transaction after ${point}`);
  }
  await scaleOwn(play.stage, 'forwarder', 2);
  await untilFlowing();
});

for (const [kind, point] of [
  ['SQS', 'move.between-send-and-delete'],
  ['Kafka', 'kafka.between-return-and-commit'],
] as const) {
  test(`a death while left-overs of ${kind} are moved`, async (context) => {
    if (!play.kinds.includes(kind)) return context.skip(play.stage.kafkaMissing ?? 'no Kafka');
    // Nobody reads for this session, so that its end has something to move.
    const bob = await play.session({ name: `bob-${kind.toLowerCase()}`, filter: { tenant: '^bob$' }, kinds: [kind] });
    const { status } = await bob.ready();
    await untilHolds(kind, status?.queues?.[0]?.session ?? '');
    await scaleOwn(play.stage, 'forwarder', 0);
    const ended = bob.end(2 * PATIENCE_MS);
    await dieAt(point);
    await scaleOwn(play.stage, 'forwarder', 2);
    await ended;
    await untilFlowing();
  });
}

/** Until something is in this queue or topic. */
async function untilHolds(kind: 'SQS' | 'Kafka', name: string): Promise<void> {
  const { sqs, kafka } = play.stage;
  const client = sqs.client();
  const admin = kafka?.client().admin();
  const inQueue = async (): Promise<boolean> => {
    const command = new GetQueueAttributesCommand({ QueueUrl: name, AttributeNames: ['ApproximateNumberOfMessages'] });
    return Number((await client.send(command)).Attributes?.['ApproximateNumberOfMessages']) > 0;
  };
  const inTopic = async (): Promise<boolean> => {
    const offsets = await admin?.fetchTopicOffsets(name);
    return offsets?.some(({ high }) => Number(high) > 0) ?? false;
  };
  await admin?.connect();
  await waitFor(`messages in ${name}`, kind === 'SQS' ? inQueue : inTopic, { deadlineMs: PATIENCE_MS });
  await admin?.disconnect();
  client.destroy();
}

for (const [kind, point] of [
  ['SQS', 'sqs.before-send'],
  ['Kafka', 'kafka.between-produce-and-commit'],
] as const) {
  test(`a stand-still at ${point} for longer than a Lease lasts, over the end of a session`, async (context) => {
    if (!play.kinds.includes(kind)) return context.skip(play.stage.kafkaMissing ?? 'no Kafka');
    const bob = await play.session({ name: point.replaceAll('.', '-'), filter: { tenant: '^bob$' }, kinds: [kind] });
    await bob.ready();
    await scaleOwn(play.stage, 'forwarder', 0);
    const pod = await startCrashPod(play.stage, 'forwarder', `${point}:20:${STAND_STILL_MS}`);
    await scaleOwn(play.stage, 'forwarder', 2);
    await pod.stands();
    const before = kind === 'Kafka' ? await abortedTransactions() : 0;
    await untilHolder('another to hold the split', (name) => name !== '' && name !== pod.name);
    await untilFlowing();
    // While bob's topic is still looked at: all that was begun may have been for him.
    if (kind === 'Kafka') assert.ok((await abortedTransactions()) > before, 'what it had begun was not aborted');
    await bob.end(PATIENCE_MS);
    await untilAwake(pod);
    await pod.remove();
  });
}

/** It has woken up, and knows that the split is another's. */
async function untilAwake(pod: Pick<CrashPod, 'name' | 'log'>): Promise<void> {
  const isAwake = async () => /not holding this split any more/.test(await pod.log());
  await waitFor(`${pod.name} to wake up and let go`, isAwake, { deadlineMs: PATIENCE_MS, intervalMs: 500 });
}

test('SIGSTOP of the forwarder that holds the split', async () => {
  await scaleOwn(play.stage, 'forwarder', 0);
  const sleeper = await startCrashPod(play.stage, 'forwarder', NEVER);
  const { name } = sleeper;
  await untilHolder(`${name} to hold the split`, (now) => now === name);
  await scaleOwn(play.stage, 'forwarder', 2);
  await untilFlowing();
  const pod = (await ownPods(play.stage, 'forwarder')).find(({ metadata }) => metadata.name === name);
  assert.ok(pod && signalPod(pod, 'SIGSTOP') > 0);
  try {
    await untilHolder('another to hold the split', (now) => now !== '' && now !== name);
    await untilFlowing();
  } finally {
    signalPod(pod, 'SIGCONT');
  }
  await untilAwake(sleeper);
  await sleeper.remove();
});

test('nothing is lost, misrouted or out of order, nothing of Kafka doubled, and the world is as it was', async () => {
  await worker.stop(20_000);
  await alice.end(PATIENCE_MS);
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
  await play.judge({ patienceMs: PATIENCE_MS });
});
