// What stands still for a while: no forwarder, no API server. Messages wait or go on flowing; nothing is lost, and the session says what is wrong.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readReceived } from '../checker/history.ts';
import type { Snapshot } from '../checker/snapshot.ts';
import { scaleOwn } from '../cluster/stage/crash.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession, readSession } from '../cluster/stage/session.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import {
  ALLOWED,
  assertClean,
  assertRestored,
  historyOf,
  NEW_FORWARDERS,
  snapshotWorld,
} from '../cluster/stage/verdict.ts';
import { waitFor } from '../testbed/wait.ts';

const FREEZE_MS = 20_000;

let stage: Stage;
let world: Snapshot;
const sessions: PlayedSession[] = [];
before(async () => {
  stage = await openStage();
  world = await snapshotWorld(stage);
});
after(async () => {
  await closeStage(stage);
});

const receivedBy = (reader: string): number =>
  readReceived(stage.collector.file).filter((line) => line.reader === reader).length;

test('without a forwarder a new session says so, and becomes Ready when there is one', async () => {
  await scaleOwn(stage, 'forwarder', 0);
  const session = await createSession(stage, { name: 'early', filter: { tenant: '^alice$' } });
  sessions.push(session);
  await waitFor(
    'the session to say that no forwarder is there',
    async () => /no forwarder holds this split/.test((await readSession(stage, session.name))?.status?.message ?? ''),
    { deadlineMs: 120_000, intervalMs: 500 },
  );
  await scaleOwn(stage, 'forwarder', 2);
  await session.ready();
});

test('forwarders that go in mid-session: messages wait, and flow again when they are back', async () => {
  const worker = await sessions[0]?.startWorker();
  await untilReceived(stage, 'early', 5);
  await scaleOwn(stage, 'forwarder', 0);
  const before = receivedBy('early');
  await scaleOwn(stage, 'forwarder', 2);
  await untilReceived(stage, 'early', before + 20, 120_000);
  await worker?.stop(10_000);
  await sessions[0]?.end();
  await untilRestored(stage);
});

test('an API server that is frozen for 20 s does not stop the messages', async (context) => {
  const { apiServer } = stage.cluster.components;
  if (apiServer === undefined) return context.skip('the API server of this cluster cannot be frozen');
  const session = await createSession(stage, { name: 'frozen', filter: { tenant: '^alice$' } });
  sessions.push(session);
  await session.ready();
  const worker = await session.startWorker();
  await untilReceived(stage, 'frozen', 5);
  const frozenAt = Date.now();
  apiServer.signal('SIGSTOP');
  try {
    // Sent near the end of the freeze, when every lease and every watch has long been silent.
    const isLate = (line: { reader: string; sentAt: number }) =>
      line.reader === 'frozen' && line.sentAt > frozenAt + FREEZE_MS - 2_000;
    await waitFor('orders to arrive while nothing answers', () => readReceived(stage.collector.file).some(isLate), {
      deadlineMs: 3 * FREEZE_MS,
      intervalMs: 500,
    });
  } finally {
    apiServer.signal('SIGCONT');
  }
  assert.ok(Date.now() - frozenAt >= FREEZE_MS - 2_000);
  await untilReceived(stage, 'frozen', receivedBy('frozen') + 10, 120_000);
  await worker.stop(10_000);
  await session.end();
  await untilRestored(stage);
});

test('nothing is lost, and the world is as it was', async () => {
  await stage.finish();
  assertClean(historyOf(stage, sessions));
  assertRestored(world, await snapshotWorld(stage), [...ALLOWED, NEW_FORWARDERS]);
});
