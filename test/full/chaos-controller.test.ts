// A controller dies before and after each kind of action that it can take, and each death is seen to be at that point. Whoever takes over
// goes on from what the API server and the brokers hold: no message is lost or gets to a stranger, and everything is put back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATCHED_LABEL } from '../../api/constants.ts';
import type { Allowance } from '../checker/snapshot.ts';
import { dieInTurn, scaleOwn } from '../cluster/stage/crash.ts';
import { deathsIn } from '../cluster/stage/deaths.ts';
import { playLife } from '../cluster/stage/life.ts';
import { openPlay } from '../cluster/stage/play.ts';
import { readPods, untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import { type PlayedSession, readSession } from '../cluster/stage/session.ts';
import { NEW_FORWARDERS } from '../cluster/stage/verdict.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

const PATIENCE_MS = 180_000;
const SELECTOR = `app=${ORDERS_WORKER}`;

const play = openPlay({ kafka: true });

const kubectl = (...args: string[]): Promise<string> => play.stage.cluster.kubectl([...args, '-n', SHOP_NAMESPACE]);

/** What happens while the controllers die one after another, until all have and what happens is over. */
async function whileTheyDie(points: readonly string[], happens: () => Promise<void>): Promise<void> {
  await scaleOwn(play.stage, 'controller', 0);
  await Promise.all([dieInTurn(play.stage, points, PATIENCE_MS), happens()]);
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
}

async function begin(name: string): Promise<PlayedSession> {
  const session = await play.session({ name, filter: { tenant: '^alice$' }, kinds: play.kinds });
  await session.ready(PATIENCE_MS);
  return session;
}

test('in the whole life of a split', async () => {
  await whileTheyDie(deathsIn('life', play.kinds), () => playLife(play, 'life', PATIENCE_MS));
});

test('when a session is refused, and when one loses its heartbeat', async () => {
  await whileTheyDie(deathsIn('refusal', play.kinds), async () => {
    const refused = await play.session({ name: 'refused', filter: { tenant: 'x' }, ids: { SQS: 'no-such-queue' } });
    await refused.refused(PATIENCE_MS);
    await refused.end();
    const silent = await play.session({ name: 'silent', filter: { tenant: '^bob$' }, heartbeatSeconds: 5 });
    await silent.ended(Date.now(), PATIENCE_MS);
  });
});

test('when a pod must be replaced', async () => {
  const session = await begin('replaced');
  const [pod] = await readPods(play.stage, SHOP_NAMESPACE, SELECTOR);
  assert.ok(pod);
  await scaleOwn(play.stage, 'controller', 0);
  // It reads the fallback as before, and whoever looks at it must think that it reads the original.
  await kubectl('label', 'pod', pod.metadata.name, `${PATCHED_LABEL}-`);
  await dieInTurn(play.stage, deathsIn('replacement', play.kinds), PATIENCE_MS);
  await waitFor(
    'another pod in its place',
    async () => {
      const pods = await readPods(play.stage, SHOP_NAMESPACE, SELECTOR);
      return pods.length === 3 && pods.every(({ metadata }) => metadata.labels?.[PATCHED_LABEL] !== undefined);
    },
    { deadlineMs: PATIENCE_MS, intervalMs: 300 },
  );
  await session.end(PATIENCE_MS);
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
});

test('when the target is deleted in mid-session', async () => {
  const { apiVersion, kind, metadata, spec } = JSON.parse(
    await kubectl('get', 'deployment', ORDERS_WORKER, '-o', 'json'),
  );
  const session = await begin('lost');
  const worker = await session.startWorker();
  await untilReceived(play.stage, session.name, 5, PATIENCE_MS);
  await whileTheyDie(deathsIn('loss', play.kinds), async () => {
    const deletedAt = Date.now();
    await kubectl('delete', 'deployment', ORDERS_WORKER);
    const isTold = async () => (await readSession(play.stage, session.name))?.status?.phase === 'Failed';
    await waitFor('the session to be told', isTold, { deadlineMs: PATIENCE_MS, intervalMs: 300 });
    await worker.stop(20_000);
    await kubectl('delete', 'splitsession', session.name, '--wait=false');
    await session.ended(deletedAt, PATIENCE_MS);
  });
  const { name, namespace, labels } = metadata;
  await play.stage.cluster.apply([{ apiVersion, kind, metadata: { name, namespace, labels }, spec }]);
  await kubectl('rollout', 'status', `deployment/${ORDERS_WORKER}`, '--timeout=120s');
});

const NEW_DEPLOYMENT: Allowance = {
  path: /^cluster\/shop\/deployments\.apps\/orders-worker/,
  because: 'it was deleted and deployed again',
};

test('after all of that no message is lost or misrouted, and the world is as it was', async () => {
  await play.judge({ patienceMs: PATIENCE_MS, allowed: [NEW_FORWARDERS, NEW_DEPLOYMENT] });
});
