// SQS sessions on the real cluster, made with kubectl: one, two, overlap, a second workload untouched, everything put back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INVOICES_WORKER, ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { openPlay } from './stage/play.ts';
import { readPods, untilReceived, untilRestored } from './stage/seen.ts';

const play = openPlay();

async function podNames(app: string): Promise<string[]> {
  const pods = await readPods(play.stage, SHOP_NAMESPACE, `app=${app}`);
  return pods.map(({ metadata }) => metadata.name).toSorted();
}

test('alice and bob get their own orders, the deployed workload all others, and everything is put back', async () => {
  const { stage } = play;
  const podsOfInvoices = await podNames(INVOICES_WORKER);
  const alice = await play.session({ name: 'alice', filter: { tenant: '^alice$' } });
  await alice.ready();
  const aliceWorker = await alice.startWorker();
  await untilReceived(stage, 'alice', 5);
  const podsOfOrders = await podNames(ORDERS_WORKER);

  const bob = await play.session({ name: 'bob', filter: { TENANT: 'alice|bob' } });
  await bob.ready();
  const bobWorker = await bob.startWorker();
  await untilReceived(stage, 'bob', 5);
  assert.deepEqual(await podNames(ORDERS_WORKER), podsOfOrders, 'a second session restarts nothing');

  await aliceWorker.stop(10_000);
  await alice.end();
  await untilReceived(stage, 'bob', 10);
  await bobWorker.stop(10_000);
  await bob.end();
  await untilRestored(stage);
  await play.judge({ allowed: [] });
  assert.deepEqual(await podNames(INVOICES_WORKER), podsOfInvoices, 'the second workload was not touched');
});
