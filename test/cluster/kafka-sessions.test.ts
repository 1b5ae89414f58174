// One session on both kinds, on the real cluster with a real broker: Ready together, records routed, offsets and groups put back.
import { after, before, test } from 'node:test';
import { readReceived } from '../checker/history.ts';
import { waitFor } from '../testbed/wait.ts';
import { closeStage } from './stage/logs.ts';
import { createSession } from './stage/session.ts';
import { openStage, type Stage } from './stage/stage.ts';
import { assertClean, assertRestored, historyOf, snapshotWorld } from './stage/verdict.ts';

let stage: Stage;
before(async () => {
  stage = await openStage({ kafka: true });
});
after(async () => {
  await closeStage(stage);
});

test('a session on a queue and a topic gets its own messages of both', async (context) => {
  if (!stage.kafka) return context.skip(stage.kafkaMissing ?? 'no Kafka');
  await waitFor(
    'traffic on both kinds',
    () => new Set(readReceived(stage.collector.file).map((line) => line.kind)).size === 2,
    { deadlineMs: 60_000 },
  );
  const world = await snapshotWorld(stage);
  const alice = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' }, kinds: ['SQS', 'Kafka'] });
  await alice.ready();
  const worker = await alice.startWorker();
  for (const kind of ['sqs', 'kafka']) {
    await waitFor(
      `alice to receive 5 of ${kind}`,
      () =>
        readReceived(stage.collector.file).filter((line) => line.reader === 'alice' && line.kind === kind).length >= 5,
      { deadlineMs: 60_000 },
    );
  }
  await worker.stop(20_000);
  await alice.end();
  await waitFor(
    'the target to be restored',
    async () => (await stage.cluster.kubectl(['get', 'workloadsplits', '-A', '-o', 'name'])).trim() === '',
    { deadlineMs: 180_000 },
  );
  await stage.finish();
  assertClean(historyOf(stage, [alice]));
  assertRestored(world, await snapshotWorld(stage));
});
