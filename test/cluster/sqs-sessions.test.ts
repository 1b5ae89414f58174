// SQS sessions on the real cluster, made with kubectl: one, two, overlap, a second workload untouched, everything put back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readReceived } from '../checker/history.ts';
import { INVOICES_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';
import { closeStage } from './stage/logs.ts';
import { createSession, type PlayedSession } from './stage/session.ts';
import { openStage, type Stage } from './stage/stage.ts';
import { assertClean, assertRestored, historyOf, snapshotWorld } from './stage/verdict.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(async () => {
  await closeStage(stage);
});

async function untilReceived(reader: string, count: number): Promise<void> {
  await waitFor(
    `${reader} to receive ${count} orders`,
    () => readReceived(stage.collector.file).filter((line) => line.reader === reader).length >= count,
    {
      deadlineMs: 60_000,
    },
  );
}

async function untilRestored(): Promise<void> {
  await waitFor(
    'the target to be restored',
    async () => (await stage.cluster.kubectl(['get', 'workloadsplits', '-A', '-o', 'name'])).trim() === '',
    { deadlineMs: 120_000 },
  );
}

test('alice and bob get their own orders, the deployed workload all others, and everything is put back', async () => {
  const podsOfInvoices = await podNames(INVOICES_WORKER);
  const world = await snapshotWorld(stage);
  const sessions: PlayedSession[] = [];

  const alice = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' } });
  sessions.push(alice);
  await alice.ready();
  const aliceWorker = await alice.startWorker();
  await untilReceived('alice', 5);
  const podsOfOrders = await podNames('orders-worker');

  const bob = await createSession(stage, { name: 'bob', filter: { TENANT: 'alice|bob' } });
  sessions.push(bob);
  await bob.ready();
  const bobWorker = await bob.startWorker();
  await untilReceived('bob', 5);
  assert.deepEqual(await podNames('orders-worker'), podsOfOrders, 'a second session restarts nothing');

  await aliceWorker.stop(10_000);
  await alice.end();
  await untilReceived('bob', 10);
  await bobWorker.stop(10_000);
  await bob.end();
  await untilRestored();
  await stage.finish();

  const history = historyOf(stage, sessions);
  assertClean(history);
  assertRestored(world, await snapshotWorld(stage));
  assert.deepEqual(await podNames(INVOICES_WORKER), podsOfInvoices, 'the second workload was not touched');
});

async function podNames(app: string): Promise<string[]> {
  const text = await stage.cluster.kubectl([
    'get',
    'pods',
    '-n',
    SHOP_NAMESPACE,
    '-l',
    `app=${app}`,
    '-o',
    'jsonpath={.items[*].metadata.name}',
  ]);
  return text.split(' ').sort();
}
