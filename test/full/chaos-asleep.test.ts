// Controllers that were asleep while another one led, and do not know it when they wake up: nothing that they had decided is done any more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEVER, scaleOwn, signalPod, startCrashPod, untilLeading } from '../cluster/stage/crash.ts';
import { playLife } from '../cluster/stage/life.ts';
import { openPlay } from '../cluster/stage/play.ts';
import { ownPods, untilRestored } from '../cluster/stage/seen.ts';
import { SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

const PATIENCE_MS = 240_000;
/** Longer than a Lease, a session and its end together. */
const STAND_STILL_MS = 90_000;

const play = openPlay({ kafka: true });

for (const point of ['controller.before-CreateResources:2', 'controller.before-RestartTarget:1']) {
  test(`a controller that stands still at ${point} until all is over, and then goes on`, async () => {
    await scaleOwn(play.stage, 'controller', 0);
    const pod = await startCrashPod(play.stage, 'controller', `${point}:${STAND_STILL_MS}`);
    await untilLeading(play.stage, pod);
    await scaleOwn(play.stage, 'controller', 2);
    const name = point.replace(/^.*-(\w+):.*$/, '$1').toLowerCase();
    await Promise.all([playLife(play, `asleep-at-${name}`, PATIENCE_MS), pod.stands()]);
    await untilAwake(pod.log);
    await pod.remove();
  });
}

test('SIGSTOP of the controller that leads, in the middle of a session', async () => {
  await scaleOwn(play.stage, 'controller', 0);
  const sleeper = await startCrashPod(play.stage, 'controller', NEVER);
  await untilLeading(play.stage, sleeper);
  await scaleOwn(play.stage, 'controller', 2);
  const session = await play.session({ name: 'stopped', filter: { tenant: '^alice$' }, kinds: play.kinds });
  await session.ready(PATIENCE_MS);
  const pod = (await ownPods(play.stage, 'controller')).find(({ metadata }) => metadata.name === sleeper.name);
  assert.ok(pod && signalPod(pod, 'SIGSTOP') > 0);
  try {
    await session.end(PATIENCE_MS);
  } finally {
    signalPod(pod, 'SIGCONT');
  }
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
  await untilAwake(sleeper.log);
  await sleeper.remove();
});

/** It has woken up, and knows that another one leads. */
async function untilAwake(log: () => Promise<string>): Promise<void> {
  const isAwake = async () => /not leading any more/.test(await log());
  await waitFor('the sleeper to wake up and to give up', isAwake, { deadlineMs: PATIENCE_MS, intervalMs: 500 });
}

test('after all of that no message is lost or misrouted, and the world is as it was', async () => {
  await play.judge({ patienceMs: PATIENCE_MS });
});
