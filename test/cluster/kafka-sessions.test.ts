// One session on both kinds, on the real cluster with a real broker: Ready together, records routed, offsets and groups put back.
import { test } from 'node:test';
import { readReceived } from '../checker/history.ts';
import { waitFor } from '../testbed/wait.ts';
import { openPlay } from './stage/play.ts';
import { untilRestored } from './stage/seen.ts';

const play = openPlay({ kafka: true });

test('a session on a queue and a topic gets its own messages of both', async (context) => {
  const { stage } = play;
  if (!stage.kafka) return context.skip(stage.kafkaMissing ?? 'no Kafka');
  const alice = await play.session({ name: 'alice', filter: { tenant: '^alice$' }, kinds: ['SQS', 'Kafka'] });
  await alice.ready();
  const worker = await alice.startWorker();
  for (const kind of ['sqs', 'kafka']) {
    const isHers = (line: { reader: string; kind: string }) => line.reader === 'alice' && line.kind === kind;
    await waitFor(
      `alice to receive 5 of ${kind}`,
      () => readReceived(stage.collector.file).filter(isHers).length >= 5,
      { deadlineMs: 60_000 },
    );
  }
  await worker.stop(20_000);
  await alice.end();
  await untilRestored(stage, undefined, { deadlineMs: 180_000 });
  await play.judge({ allowed: [] });
});
