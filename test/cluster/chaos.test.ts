// Deaths in one life of a split: a controller in the middle of the restart, a webhook while pods come, a forwarder with messages in its hands.
// Whoever takes over goes on from what the API server and the broker hold. All points, one by one, are in test/full.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scaleOwn, signalPod, startCrashPod, untilLeading } from './stage/crash.ts';
import { openPlay } from './stage/play.ts';
import { ownPods, untilReceived, untilRestored } from './stage/seen.ts';

const RESTART_MS = 120_000;

const play = openPlay();

test('a controller, a webhook and a forwarder die in mid-work: no message is lost or misrouted, and the world is as it was', async () => {
  const { stage } = play;
  await Promise.all([scaleOwn(stage, 'controller', 0), scaleOwn(stage, 'forwarder', 0)]);
  const [controller, forwarder] = await Promise.all([
    startCrashPod(stage, 'controller', 'controller.after-RestartTarget'),
    startCrashPod(stage, 'forwarder', 'sqs.between-send-and-delete:3'),
  ]);
  await untilLeading(stage, controller);
  await scaleOwn(stage, 'controller', 2);
  const session = await play.session({ name: 'alice', filter: { tenant: '^alice$' } });

  await controller.hit();
  const [webhook] = await ownPods(stage, 'webhook');
  assert.ok(webhook && signalPod(webhook, 'SIGKILL') > 0);
  // The Lease of the dead controller runs out by itself, in 17 s; then three pods are replaced, for a while with one webhook. The forwarder
  // dies as soon as messages flow.
  await forwarder.hit(RESTART_MS);
  await Promise.all([forwarder.remove(), scaleOwn(stage, 'forwarder', 2)]);
  await session.ready();
  const worker = await session.startWorker();
  await untilReceived(stage, session.name, 10);
  await worker.stop(10_000);
  await session.end();
  await untilRestored(stage);
  await controller.remove();
  await play.judge();
});
