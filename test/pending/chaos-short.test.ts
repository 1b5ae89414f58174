// Deaths at named points, in one life of a split: whoever takes over goes on from what the API server and the broker hold, and no message
// is lost or gets to a stranger. All points, one by one, are in test/full/chaos.test.ts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Snapshot } from '../checker/snapshot.ts';
import { killPod, scaleOwn, startCrashPod, untilLeading } from '../cluster/stage/crash.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { ownPods, untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession } from '../cluster/stage/session.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import {
  ALLOWED,
  assertClean,
  assertRestored,
  historyOf,
  NEW_FORWARDERS,
  snapshotWorld,
} from '../cluster/stage/verdict.ts';

let stage: Stage;
let world: Snapshot;
before(async () => {
  stage = await openStage();
  world = await snapshotWorld(stage);
});
after(async () => {
  await closeStage(stage);
});

test('controllers die before, at and after the restart, forwarders with messages in their hands, and a webhook while pods come', async () => {
  // One candidate after another, each with a point that lies later in the life of the split than the one before.
  await scaleOwn(stage, 'controller', 0);
  const atCreation = await startCrashPod(stage, 'controller', 'controller.after-CreateResources');
  await untilLeading(stage, atCreation);
  const atRestart = await startCrashPod(stage, 'controller', 'controller.after-RestartTarget');
  const session = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' } });
  await atCreation.hit();

  await untilLeading(stage, atRestart);
  const atTheEnd = await startCrashPod(stage, 'controller', 'controller.before-RemoveRestartAnnotation');
  await atRestart.hit();
  const [replica] = await ownPods(stage, 'webhook');
  assert.ok(replica && killPod(replica) > 0);
  await session.ready();

  await forwardersDie(session);
  await session.end();
  await atTheEnd.hit(120_000);
  await scaleOwn(stage, 'controller', 2);
  await untilRestored(stage);

  for (const pod of [atCreation, atRestart, atTheEnd]) await pod.remove();
  await scaleOwn(stage, 'forwarder', 2);
  await stage.finish();
  assertClean(historyOf(stage, [session]));
  assertRestored(world, await snapshotWorld(stage), [...ALLOWED, NEW_FORWARDERS]);
});

/** The first between storing copies and deleting their originals, the second while it moves left-overs: nobody reads them at first. */
async function forwardersDie(session: PlayedSession): Promise<void> {
  await scaleOwn(stage, 'forwarder', 0);
  const forwarding = await startCrashPod(stage, 'forwarder', 'sqs.between-send-and-delete:3');
  await forwarding.hit();
  const successor = await startCrashPod(stage, 'forwarder', 'sqs.after-delete:10');
  const worker = await session.startWorker();
  await untilReceived(stage, session.name, 5);
  await successor.hit();
  await scaleOwn(stage, 'forwarder', 2);
  await untilReceived(stage, session.name, 20);
  await worker.stop(10_000);
  for (const pod of [forwarding, successor]) await pod.remove();
}
