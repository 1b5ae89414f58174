// What stands still for a while in mid-session, and comes back: forwarders, API server, brokers, the node's kubelet and containerd. Messages
// wait or go on flowing; nothing is lost, and a session says what it waits for.
import { test } from 'node:test';
import { readReceived } from '../checker/history.ts';
import { scaleOwn } from '../cluster/stage/crash.ts';
import { openPlay } from '../cluster/stage/play.ts';
import { untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import { type PlayedSession, readSession } from '../cluster/stage/session.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import type { Supervised } from '../testbed/processes.ts';
import { waitFor } from '../testbed/wait.ts';

const PATIENCE_MS = 120_000;
/** Longer than every Lease of ours. */
const FREEZE_MS = 20_000;
const SESSION = 'alice';

const play = openPlay({ kafka: true, durableSqs: true });
let session: PlayedSession;
let worker: Supervised;

/** Of one kind or of any, sent after a moment. */
function countReceived(reader: string, { kind, since = 0 }: { kind?: string; since?: number } = {}): number {
  return readReceived(play.stage.collector.file).filter(
    (line) => line.reader === reader && line.sentAt > since && (kind === undefined || line.kind === kind),
  ).length;
}

/** Orders of every kind that are sent from now on reach the session and the deployed workload. */
async function untilFlowing(): Promise<void> {
  const since = Date.now();
  const readers = [SESSION, ORDERS_WORKER];
  await waitFor(
    'orders of every kind to flow',
    () =>
      readers.every((reader) =>
        play.kinds.every((kind) => countReceived(reader, { kind: kind.toLowerCase(), since }) > 0),
      ),
    { deadlineMs: PATIENCE_MS, intervalMs: 300 },
  );
}

test('without a forwarder a new session says so, and becomes Ready when there is one', async () => {
  const { stage } = play;
  await scaleOwn(stage, 'forwarder', 0);
  session = await play.session({ name: SESSION, filter: { tenant: '^alice$' }, kinds: play.kinds });
  await untilItSays(/no forwarder holds this split/);
  await scaleOwn(stage, 'forwarder', 2);
  await session.ready();
  worker = await session.startWorker();
  await untilReceived(stage, SESSION, 5);
});

/** The session's status, to whoever looks at it. */
async function untilItSays(sentence: RegExp): Promise<void> {
  await waitFor(
    `the session to say ${sentence}`,
    async () => sentence.test((await readSession(play.stage, SESSION))?.status?.message ?? ''),
    { deadlineMs: PATIENCE_MS, intervalMs: 500 },
  );
}

test('forwarders that go in mid-session: messages wait, the session says so, and they flow again', async () => {
  await scaleOwn(play.stage, 'forwarder', 0);
  await untilItSays(/no forwarder is alive/);
  await scaleOwn(play.stage, 'forwarder', 2);
  await untilFlowing();
});

/** They do nothing for a while, and then go on as if no time had passed. */
async function whileFrozen(
  programs: readonly Supervised[],
  happens: (frozenAt: number) => Promise<void>,
): Promise<void> {
  const frozenAt = Date.now();
  for (const program of programs) program.signal('SIGSTOP');
  try {
    await happens(frozenAt);
    await waitFor('the end of the freeze', () => Date.now() - frozenAt > FREEZE_MS, { deadlineMs: 2 * FREEZE_MS });
  } finally {
    for (const program of programs) program.signal('SIGCONT');
  }
}

for (const name of ['apiServer', 'etcd'] as const) {
  test(`${name} frozen for 20 s does not stop the messages`, async (context) => {
    const program = play.stage.cluster.components[name];
    if (program === undefined) return context.skip('it cannot be frozen in this cluster');
    await whileFrozen([program], async (frozenAt) => {
      // Sent near the end of the freeze, when every Lease and every watch has long been silent.
      const since = frozenAt + FREEZE_MS - 2_000;
      const isLate = () => play.kinds.every((kind) => countReceived(SESSION, { kind: kind.toLowerCase(), since }) > 0);
      const options = { deadlineMs: 3 * FREEZE_MS, intervalMs: 500 };
      await waitFor('orders to arrive while nothing answers', isLate, options);
    });
    await untilFlowing();
  });
}

test('an SQS endpoint that is killed and comes back', async () => {
  await play.stage.sqs.kill();
  await play.stage.sqs.start();
  await untilFlowing();
});

test('an SQS endpoint that does not answer for 20 s', async () => {
  await whileFrozen([play.stage.sqs.process()], async () => undefined);
  await untilFlowing();
});

test('a Kafka broker that is killed and comes back', async (context) => {
  const { kafka, kafkaMissing } = play.stage;
  if (!kafka) return context.skip(kafkaMissing ?? 'no Kafka');
  await kafka.kill();
  await kafka.start();
  await untilFlowing();
});

test('a Kafka broker that does not answer for 20 s', async (context) => {
  const { kafka, kafkaMissing } = play.stage;
  if (!kafka) return context.skip(kafkaMissing ?? 'no Kafka');
  await whileFrozen([kafka.process()], async () => undefined);
  await untilFlowing();
});

test('a node that is frozen but for its containers: messages flow, and a session that begins meanwhile gets its pods later', async (context) => {
  const { kubelet, containerd } = play.stage.cluster.components;
  if (!kubelet || !containerd) return context.skip('the node of this cluster cannot be frozen');
  await whileFrozen([kubelet, containerd], untilFlowing);
  await worker.stop(20_000);
  await session.end(PATIENCE_MS);
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });

  let late: PlayedSession | undefined;
  await whileFrozen([kubelet, containerd], async (frozenAt) => {
    late = await play.session({ name: 'late', filter: { tenant: '^bob$' }, kinds: play.kinds });
    const isGoingOn = () => countReceived(ORDERS_WORKER, { since: frozenAt + FREEZE_MS - 2_000 }) > 0;
    await waitFor('orders to reach the old pods', isGoingOn, { deadlineMs: 3 * FREEZE_MS, intervalMs: 500 });
    const isWaiting = async () => (await readSession(play.stage, 'late'))?.status?.phase === 'Restarting';
    await waitFor('the session to wait for its pods', isWaiting, { deadlineMs: PATIENCE_MS, intervalMs: 500 });
  });
  await late?.ready();
  await late?.end(PATIENCE_MS);
  await untilRestored(play.stage, SHOP_NAMESPACE, { deadlineMs: PATIENCE_MS });
});

test('nothing is lost, and the world is as it was', async () => {
  await play.judge({ patienceMs: PATIENCE_MS });
});
