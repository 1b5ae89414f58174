// What Prometheus would see of a real split, compared with the histories that producers and workers wrote, and what nobody may see: neither
// metrics nor logs hold a message's content or a secret.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DeleteQueueCommand } from '@aws-sdk/client-sqs';
import { type ProducedLine, readProduced, readReceived } from '../checker/history.ts';
import { OPERATOR_NAMESPACE } from '../cluster/stage/installation.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { type Page, scrape, select, sum } from '../cluster/stage/scrape.ts';
import { untilRestored } from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession } from '../cluster/stage/session.ts';
import { untilSettled } from '../cluster/stage/settled.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import { assertClean, historyOf } from '../cluster/stage/verdict.ts';
import { ORDERS_QUEUE, ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';

/** The forwarders ask for the depth of their queues every few seconds. */
const LAG_DEADLINE = { deadlineMs: 30_000, intervalMs: 500 };
/** SQS may deliver twice, so a counter may be above what is unique in the histories: by so much, and never below. */
const TOLERANCE = 0.02;
/** Goes to every request of the AWS SDK, where a careless error message would show it. */
const SESSION_TOKEN = 'c2Vzc2lvbi10b2tlbi1vZi10aGUtdGVzdA';
/** The stage gives every process four variables of the AWS SDK. */
const AFTER_STAGE = 4;
const QUEUE = { queue_type: 'SQS', namespace: SHOP_NAMESPACE, workload: ORDERS_WORKER, queue: ORDERS_QUEUE };

let stage: Stage;
let alice: PlayedSession;
let bob: PlayedSession;
let carol: PlayedSession;

before(async () => {
  const tokens = ['controller', 'forwarder'].flatMap((process) => [
    [`${process}.extraEnv[${AFTER_STAGE}].name`, 'AWS_SESSION_TOKEN'],
    [`${process}.extraEnv[${AFTER_STAGE}].value`, SESSION_TOKEN],
  ]);
  stage = await openStage({ values: Object.fromEntries(tokens) });
  await untilSettled(stage);
});
after(async () => {
  await closeStage(stage);
});

const forwarders = () => scrape(stage, 'forwarder');
const controllers = () => scrape(stage, 'controller');

function produced(tenant?: string): ProducedLine[] {
  return readProduced(stage.producer.file).filter(
    (line) => line.source === ORDERS_QUEUE && line.ackAt !== null && (tenant === undefined || line.tenant === tenant),
  );
}

/** Unique orders that a reader handled, by the queue that it read them from. */
function handled(reader: string, isFrom: (queue: string) => boolean): Set<string> {
  return new Set(
    readReceived(stage.collector.file)
      .filter((line) => line.reader === reader && isFrom(line.readFrom))
      .map(({ id }) => id),
  );
}

function assertAbout(actual: number, expected: number, what: string): void {
  assert.ok(expected > 0, `${what}: nothing to compare with`);
  const isAbout = actual >= expected && actual <= Math.ceil(expected * (1 + TOLERANCE));
  assert.ok(isAbout, `${what}: the metric says ${actual}, the histories say ${expected}`);
}

test('before any split the processes tell who they are and nothing of queues', async () => {
  for (const process of ['controller', 'webhook', 'forwarder']) {
    const pages = await scrape(stage, process);
    assert.equal(pages.length, 2, `${process} has two replicas`);
    for (const page of pages) {
      assert.equal(sum([page], 'build_info', { process }), 1, page.pod);
      assertNames(page);
    }
    assert.equal(select(pages, 'lag_messages').length, 0);
    assert.equal(sum(pages, 'sessions'), 0);
  }
  assert.equal(sum(await controllers(), 'leader'), 1);
});

function assertNames({ pod, samples }: Page): void {
  const foreign = samples.filter(({ name }) => !/^(queue_splitter|workqueue|process|nodejs)_/.test(name));
  assert.deepEqual(foreign, [], pod);
}

test('while a split is on, lag, phases, restarts and admissions are what the histories say', async () => {
  alice = await createSession(stage, { name: 'alice', filter: { tenant: '^alice$' } });
  bob = await createSession(stage, { name: 'bob', filter: { tenant: '^bob$' } });
  await alice.ready();
  await bob.ready();
  await bob.startWorker();
  const since = produced('alice').length;
  await waitFor('orders for alice, who does not read', () => produced('alice').length >= since + 20, {
    deadlineMs: 60_000,
  });
  await stage.producer.process.stop(20_000);

  const unread = () => produced('alice').length - readReceived(stage.collector.file).filter(isFirstOf('alice')).length;
  await waitFor(
    'the lag of alice’s queue to be what was sent to her',
    async () => {
      return sum(await forwarders(), 'lag_messages', { ...QUEUE, role: 'session', session: 'alice' }) === unread();
    },
    LAG_DEADLINE,
  );
  assert.ok(unread() >= 20);
  await waitFor(
    'all other queues to be empty',
    async () => {
      const pages = await forwarders();
      const roles = [{ role: 'original' }, { role: 'fallback' }, { role: 'session', session: 'bob' }];
      return roles.every(
        (role) =>
          select(pages, 'lag_messages', { ...QUEUE, ...role })
            .map(({ value }) => value)
            .join() === '0',
      );
    },
    LAG_DEADLINE,
  );

  const pages = await controllers();
  const workload = { namespace: SHOP_NAMESPACE, workload: ORDERS_WORKER };
  assert.equal(sum(pages, 'sessions', { ...workload, phase: 'Ready' }), 2);
  assert.equal(sum(pages, 'sessions'), 2);
  assert.equal(sum(pages, 'splits', { ...workload, phase: 'Splitting' }), 1);
  assert.equal(sum(pages, 'temporary_queues', { queue_type: 'SQS', role: 'session' }), 2);
  assert.equal(sum(pages, 'temporary_queues', { queue_type: 'SQS', role: 'fallback' }), 1);
  assert.equal(sum(pages, 'workload_restarts_total', { ...workload, reason: 'split' }), 1);
  assert.equal(sum(pages, 'session_setup_duration_seconds_count', { result: 'ready' }), 2);
  assert.equal(sum(pages, 'actions_total', { action: 'CreateSplit', result: 'ok' }), 1);
  assert.deepEqual(
    select(pages, 'pods_unpatched', workload).map(({ value }) => value),
    [0],
  );
  assert.equal(sum(pages, 'webhook_entries'), 1);

  const webhooks = await scrape(stage, 'webhook');
  const patched = sum(webhooks, 'webhook_requests_total', { result: 'patched' });
  assert.ok(patched >= 3, `${patched} pods were patched`);
  assert.equal(sum(webhooks, 'webhook_request_duration_seconds_count', { result: 'patched' }), patched);
  for (const page of webhooks) assert.ok(sum([page], 'webhook_certificate_seconds_left') > 3_600, page.pod);
});

/** An order of that tenant, each counted once. */
function isFirstOf(tenant: string): (line: { id: string; tenant: string; kind: string }) => boolean {
  const seen = new Set<string>();
  const orders = new Set(produced(tenant).map(({ id }) => id));
  return ({ id }) => orders.has(id) && !seen.has(id) && seen.add(id) !== undefined;
}

test('when every order was handled, the counters agree with what each reader got', async () => {
  await alice.startWorker();
  await stage.finish();
  assertClean(historyOf(stage, [alice, bob]));
  const pages = await forwarders();
  const isTemporary = (queue: string): boolean => queue !== ORDERS_QUEUE;
  const toFallback = handled(ORDERS_WORKER, isTemporary).size;
  const [toAlice, toBob] = ['alice', 'bob'].map((reader) => handled(reader, isTemporary).size) as [number, number];
  const routed = (labels: Record<string, string>) => sum(pages, 'messages_routed_total', { ...QUEUE, ...labels });
  assertAbout(routed({ destination: 'session', session: 'alice' }), toAlice, 'routed to alice');
  assertAbout(routed({ destination: 'session', session: 'bob' }), toBob, 'routed to bob');
  assertAbout(routed({ destination: 'fallback' }), toFallback, 'routed to the fallback');
  assertAbout(sum(pages, 'messages_unmatched_total', QUEUE), toFallback, 'unmatched');
  assertAbout(sum(pages, 'messages_received_total', QUEUE), toAlice + toBob + toFallback, 'received');

  const forwarded = { queue_type: 'SQS', queue: ORDERS_QUEUE };
  const count = sum(pages, 'message_forward_duration_seconds_count', forwarded);
  assert.equal(count, routed({}), 'every routed message has a latency');
  const meanSeconds = sum(pages, 'message_forward_duration_seconds_sum', forwarded) / count;
  assert.ok(meanSeconds > 0 && meanSeconds < 5, `mean forward latency ${meanSeconds} s`);
  assert.ok(sum(pages, 'message_bytes_routed_total', QUEUE) > 100 * count, 'bytes of bodies and attributes');
});

test('an error of the data path is counted with its reason', async () => {
  const errors = async () => select(await forwarders(), 'forward_errors_total', { ...QUEUE, reason: 'not_found' });
  assert.deepEqual(await errors(), [], 'none so far');
  carol = await createSession(stage, { name: 'carol', filter: { tenant: '^carol$' } });
  const { status } = await carol.ready();
  const client = stage.sqs.client();
  await client.send(new DeleteQueueCommand({ QueueUrl: status?.queues?.[0]?.session }));
  client.destroy();
  await stage.resume();
  await waitFor('errors of a destination that is gone', async () => (await errors()).length > 0, LAG_DEADLINE);
});

test('the series of a session end with it, those of the split with the split', async () => {
  await bob.end();
  await waitFor(
    'bob’s series to vanish',
    async () => {
      const pages = [...(await forwarders()), ...(await controllers())];
      return !pages.some(({ samples }) => samples.some(({ labels }) => labels['session'] === 'bob'));
    },
    LAG_DEADLINE,
  );
  assert.ok(select(await forwarders(), 'lag_messages', { session: 'alice' }).length > 0, 'alice’s stay');
  await alice.end();
  await carol.end();
  await untilRestored(stage);
  await waitFor(
    'the gauges of the split to vanish',
    async () => {
      const pages = [...(await forwarders()), ...(await controllers())];
      const gauges = [
        'lag_messages',
        'in_flight_messages',
        'buffer_bytes',
        'sessions',
        'splits',
        'temporary_queues',
        'pods_unpatched',
        'drain_remaining_messages',
      ];
      return gauges.every((name) => select(pages, name, {}).length === 0) && sum(pages, 'webhook_entries') === 0;
    },
    LAG_DEADLINE,
  );
  const pages = await controllers();
  assert.equal(sum(pages, 'session_duration_seconds_count', { result: 'ended' }), 3);
  assert.equal(sum(pages, 'workload_restarts_total', { reason: 'restore' }), 1);
});

test('neither metrics nor logs hold a message’s content or a secret', async () => {
  const pages = (
    await Promise.all(['controller', 'webhook', 'forwarder'].map((process) => scrape(stage, process)))
  ).flat();
  const logs = await Promise.all(
    pages.map(async ({ pod, process }) => ({
      pod,
      process,
      text: await stage.cluster.kubectl(['logs', pod, '-n', OPERATOR_NAMESPACE, '--all-containers']),
    })),
  );
  const told = new Set(logs.filter(({ text }) => text.includes('"level"')).map(({ process }) => process));
  assert.equal(told.size, 3, 'every process has written something to look at');
  const forbidden = [...contents(), ...(await secrets())];
  for (const { pod, text } of [...pages, ...logs]) {
    for (const { what, value } of forbidden) assert.ok(!text.includes(value), `${pod} shows ${what}`);
  }
});

/** What only content has: ids of orders, also of those that nobody judges, bodies, and values of attributes that no filter names. */
function contents(): { what: string; value: string }[] {
  const orders = readProduced(stage.producer.file).flatMap(({ id, body, attributes }) => [
    { what: `the body of ${id}`, value: body },
    ...attributes.flatMap(({ name, value }) =>
      name === 'trace' ? [{ what: `the trace of ${id}`, value: `${value}"` }] : [],
    ),
  ]);
  return [...orders, { what: 'the id of an order', value: `sqs-${ORDERS_QUEUE}-` }];
}

type Secret = { metadata: { name: string }; data?: Record<string, string> };

/** Private keys and tokens of our Secrets, line by line, and what came as environment. Certificates are no secret. */
async function secrets(): Promise<{ what: string; value: string }[]> {
  const { items } = await stage.cluster.kubectlJson<{ items: Secret[] }>(['get', 'secrets', '-n', OPERATOR_NAMESPACE]);
  const kept = items.flatMap(({ metadata, data = {} }) =>
    Object.entries(data)
      .filter(([key]) => key.endsWith('key'))
      .flatMap(([key, value]) => linesOf(value).map((line) => ({ what: `${metadata.name}/${key}`, value: line }))),
  );
  assert.ok(kept.length > 0, 'our certificates have keys');
  return [...kept, { what: 'the AWS session token', value: SESSION_TOKEN }];
}

function linesOf(base64: string): string[] {
  const lines = Buffer.from(base64, 'base64').toString().split('\n');
  return lines.filter((line) => line.length > 20 && !line.startsWith('-----'));
}
