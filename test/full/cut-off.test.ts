// A forwarder that loses the API server alone, while brokers and everybody else are there: another one takes over, and what the lost one goes on
// sending by its old routes is neither lost nor in the way. And no forwarder at all: the session says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { scaleOwn } from '../cluster/stage/crash.ts';
import { openPlay } from '../cluster/stage/play.ts';
import { ownPods, readSplits, untilReceived, untilRestored } from '../cluster/stage/seen.ts';
import { type PlayedSession, readSession } from '../cluster/stage/session.ts';
import { SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

/** The Service of the API server, and the API server itself. */
const API_PORTS = '{ 443, 6443 }';

const play = openPlay();

async function begin(name: string): Promise<PlayedSession> {
  const session = await play.session({ name, filter: { tenant: '^alice$' } });
  await session.ready();
  return session;
}

async function holder(): Promise<string> {
  const [split] = await readSplits(play.stage, SHOP_NAMESPACE);
  return split?.status?.forwarder?.holder ?? '';
}

async function nft(...args: string[]): Promise<void> {
  const { code, stderr } = await play.stage.cluster.runInside('nft', args);
  assert.equal(code, 0, stderr);
}

/** Before anything is translated, and for connections that exist as well. */
async function cutOff(address: string): Promise<void> {
  await nft('add', 'table', 'ip', 'cut_off');
  await nft('add', 'chain', 'ip', 'cut_off', 'before', '{ type filter hook prerouting priority raw; }');
  await nft('add', 'rule', 'ip', 'cut_off', 'before', `ip saddr ${address} tcp dport ${API_PORTS} drop`);
}

async function temporaryQueues(): Promise<string[]> {
  const client = play.stage.sqs.client();
  const { QueueUrls: urls = [] } = await client.send(new ListQueuesCommand({ QueueNamePrefix: 'mirrord-' }));
  client.destroy();
  return urls;
}

test('a forwarder that loses only the API server: its successor keeps every queue that it may still send to', async (context) => {
  const { stage } = play;
  if (stage.cluster.components.apiServer === undefined)
    return context.skip('needs the built-in cluster: it cuts a pod off');
  const session = await begin('early');
  const worker = await session.startWorker();
  await untilReceived(stage, 'early', 5);
  const first = await holder();
  const pod = (await ownPods(stage, 'forwarder')).find(({ metadata }) => metadata.name === first);
  assert.ok(pod?.status.podIP);

  await cutOff(pod.status.podIP);
  await waitFor('another forwarder to hold the split', async () => ![first, ''].includes(await holder()), {
    deadlineMs: 90_000,
    intervalMs: 500,
  });
  await worker.stop(10_000);
  const ended = session.end(180_000);
  await waitFor(
    'the split to say why the queue of the session is kept',
    async () => {
      const [split] = await readSplits(play.stage, SHOP_NAMESPACE);
      const said = split?.status?.forwarder?.queues.map(({ message }) => message ?? '').join() ?? '';
      return said.includes(`forwarder ${first} was not seen to go`);
    },
    { deadlineMs: 90_000, intervalMs: 500 },
  );
  assert.equal((await temporaryQueues()).length, 2, 'session queue and fallback are kept');
  await nft('delete', 'table', 'ip', 'cut_off');
  await ended;
  await untilRestored(stage);
});

test('when no forwarder is alive the session says so, and it is Ready again with the next one', async () => {
  const { stage } = play;
  const session = await begin('alone');
  await scaleOwn(stage, 'forwarder', 0);
  await waitFor(
    'the session to say that no forwarder is alive',
    async () => {
      const status = (await readSession(stage, session.name))?.status;
      return status?.phase === 'CuttingOver' && /no forwarder is alive/.test(status.message ?? '');
    },
    { deadlineMs: 60_000, intervalMs: 500 },
  );
  await scaleOwn(stage, 'forwarder', 2);
  await session.ready();
  const worker = await session.startWorker();
  await untilReceived(stage, 'alone', 5);
  await worker.stop(10_000);
  await session.end();
  await untilRestored(stage);
});

test('nothing is lost, and the world is as it was', () => play.judge());
