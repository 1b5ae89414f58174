// A drain with a limit, on the real cluster: the workload is scaled to nothing while records wait for it, the limit passes, its group goes
// back to the first of them, and the workload that comes later reads every one. Nothing is lost; what was read before may be read again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readReceived } from '../checker/history.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { readSplits, untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import { createSession } from '../cluster/stage/session.ts';
import { untilSettled } from '../cluster/stage/settled.ts';
import { openStage, type Stage, TOPIC } from '../cluster/stage/stage.ts';
import { assertClean, assertRestored, historyOf, snapshotWorld } from '../cluster/stage/verdict.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

let stage: Stage;
before(async () => {
  stage = await openStage({
    kafka: true,
    values: { 'kafka.drainTimeoutSeconds': '15', 'kafka.onDrainTimeout': 'rewind' },
  });
});
after(async () => {
  await closeStage(stage);
});

const scale = (replicas: number): Promise<string> =>
  stage.cluster.kubectl(['scale', `deployment/${ORDERS_WORKER}`, '-n', SHOP_NAMESPACE, `--replicas=${replicas}`]);

test('a workload that cannot drain gets back, on the original, what it has not read', async (context) => {
  if (!stage.kafka) return context.skip(stage.kafkaMissing ?? 'no Kafka');
  await untilReceived(stage, ORDERS_WORKER, 20);
  await untilSettled(stage);
  const world = await snapshotWorld(stage);
  const alice = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' }, kinds: ['Kafka'] });
  await alice.ready();
  const worker = await alice.startWorker();
  await untilReceived(stage, alice.name, 5);
  await scale(0);
  await waitFor(
    'no pod to be left',
    async () =>
      (await stage.cluster.kubectl([
        'get',
        'pods',
        '-n',
        SHOP_NAMESPACE,
        '-l',
        `app=${ORDERS_WORKER}`,
        '-o',
        'name',
      ])) === '',
    { deadlineMs: 60_000 },
  );
  // The orders that alice gets from now on show that the forwarder went on: the others lie in the fallback.
  const before = readReceived(stage.collector.file).filter(({ reader }) => reader === alice.name).length;
  await untilReceived(stage, alice.name, before + 5);
  await worker.stop(20_000);
  await alice.end();
  const [split] = await readSplits(stage, SHOP_NAMESPACE);
  await untilRestored(stage, SHOP_NAMESPACE, { deadlineMs: 120_000 });
  const events = await stage.cluster.kubectl(['get', 'events', '-n', SHOP_NAMESPACE, '-o', 'json']);
  const fallback = split?.spec.queues[0]?.fallback.name ?? '';
  assert.match(events, new RegExp(`ran into its limit with [1-9][0-9]* messages in ${fallback}: they are read again`));
  assert.match(events, new RegExp(`reads topic ${TOPIC} again from partition:offset`));
  await scale(3);
  await stage.finish();
  assertClean(historyOf(stage, [alice]));
  assertRestored(world, await snapshotWorld(stage));
});
