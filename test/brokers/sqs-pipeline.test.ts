/** The SQS data path against an emulator: routing, copies, ending routes, Stop, Return, failing destinations. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { type MessageAttributeValue, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { BrokerConnection, SplitQueue } from '../../api/kinds/workload-split.ts';
import { systemClock } from '../../common/clock.ts';
import { createSqsClients, type SqsClients } from '../../common/sqs/client.ts';
import type { Pipeline } from '../../sidecar/pipeline.ts';
import { createSqsPipeline } from '../../sidecar/sqs/pipeline.ts';
import { type Place as Host, localPlace } from '../testbed/brokers/place.ts';
import { type SqsEmulator, startElasticMq, startFauxqs } from '../testbed/brokers/sqs.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { ensureElasticMq } from '../testbed/toolchain/kafka.ts';
import { waitFor } from '../testbed/wait.ts';
import {
  count,
  createQueue,
  type Numbered,
  type Place,
  routeTo,
  send,
  splitQueue,
  takeAll,
  takeIds,
  text,
  waitForCount,
} from './sqs-support.ts';

const SETTINGS = {
  waitSeconds: 1,
  // Long enough for a busy machine: a message that comes back too early is a duplicate, which these tests do not expect.
  visibilitySeconds: 20,
  confirmEmptyMs: 500,
  sessionDrainTimeoutMs: 5_000,
  redeliverySeconds: 1,
  maxRedeliverySeconds: 2,
  retryMaxMs: 500,
  stopPatienceMs: 1_000,
  patienceMs: 300,
  lagIntervalMs: 500,
};

const FILTERS = { alice: { tenant: '^alice$' }, bob: { tenant: '^bob$' }, eu: { region: '^eu-' } } as const;

/** Every fourth alice, every fifth bob, every third in the EU: the filters overlap. */
function orders(total: number, first = 0): Numbered[] {
  return Array.from({ length: total }, (_, index) => {
    const id = first + index;
    const tenant = id % 4 === 0 ? 'Alice' : id % 5 === 0 ? 'bob' : `tenant-${id % 7}`;
    return { id, attributes: { Tenant: text(tenant), region: text(id % 3 === 0 ? 'eu-central-1' : 'us-east-1') } };
  });
}

function wantedBy(messages: readonly Numbered[]) {
  const wanted: Record<'alice' | 'bob' | 'eu' | 'fallback', number[]> = { alice: [], bob: [], eu: [], fallback: [] };
  for (const { id } of messages) {
    if (id % 4 === 0) wanted.alice.push(id);
    else if (id % 5 === 0) wanted.bob.push(id);
    else if (id % 3 === 0) wanted.eu.push(id);
    else wanted.fallback.push(id);
  }
  return wanted;
}

const elasticMq = await ensureElasticMq();
const EMULATORS = [
  { name: 'fauxqs', skip: false as const, start: (place: Host) => startFauxqs(place) },
  {
    name: 'ElasticMQ',
    skip: elasticMq.available ? (false as const) : `${elasticMq.reason} ${elasticMq.howToGet}`,
    start: (place: Host) => startElasticMq(place, elasticMq),
  },
];

for (const { name, skip, start } of EMULATORS)
  describe(`the SQS pipeline with ${name}`, { skip }, () => suite(name, start));

function suite(emulatorName: string, start: (place: Host) => Promise<SqsEmulator>): void {
  let run: Run;
  let emulator: SqsEmulator;
  let client: SQSClient;
  let clients: SqsClients;
  let connection: BrokerConnection;
  const open: Pipeline[] = [];

  before(async () => {
    run = openRun();
    emulator = await start(localPlace(run));
    client = emulator.client();
    const { AWS_REGION: region = '', ...credentials } = emulator.environment;
    connection = { endpoint: emulator.url, region };
    Object.assign(process.env, credentials);
    delete process.env['AWS_ENDPOINT_URL_SQS'];
    clients = createSqsClients();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((pipeline) => pipeline.close()));
  });
  after(async () => {
    clients?.close();
    client?.destroy();
    await run?.destroy();
  });

  function pipelineFor(queue: SplitQueue, mayWrite = () => true, settings: Partial<typeof SETTINGS> = {}): Pipeline {
    const pipeline = createSqsPipeline(
      queue,
      {
        split: { name: 'deployment-worker', namespace: 'shop', uid: 'u' },
        onChange: () => undefined,
        mayWrite,
        othersMayWrite: () => undefined,
        isFallbackRead: () => true,
      },
      { clients, clock: systemClock, random: Math.random, settings: { ...SETTINGS, ...settings } },
    );
    open.push(pipeline);
    return pipeline;
  }

  const queues = async () => {
    const [original, fallback, alice, bob, eu] = await Promise.all(
      ['orders', 'fallback', 'alice', 'bob', 'eu'].map((name) => createQueue(client, name)),
    );
    assert.ok(original && fallback && alice && bob && eu);
    const routes = [
      routeTo('alice', FILTERS.alice, alice, 1),
      routeTo('bob', FILTERS.bob, bob, 2),
      routeTo('eu', FILTERS.eu, eu, 3),
    ];
    return { original, fallback, alice, bob, eu, queue: splitQueue(original, fallback, routes, { connection }) };
  };

  it('routes 2,000 messages by three overlapping filters: none lost, doubled or misrouted', async () => {
    const { original, fallback, alice, bob, eu, queue } = await queues();
    const messages = orders(2_000);
    await send(client, original, messages);
    const pipeline = pipelineFor(queue);
    await pipeline.apply(queue);
    assert.equal(pipeline.status().state, 'Forwarding');
    assert.ok(Date.parse(pipeline.status().cutOver ?? '') <= Date.now());
    // Some 600 calls: fewer than a hundred a second are no fault of the pipeline.
    await waitForCount(client, original, 0, 60_000);
    const wanted = wantedBy(messages);
    assert.deepEqual(await takeIds(client, alice), wanted.alice);
    assert.deepEqual(await takeIds(client, bob), wanted.bob);
    assert.deepEqual(await takeIds(client, eu), wanted.eu);
    assert.deepEqual(await takeIds(client, fallback), wanted.fallback);
  });

  it('reads nothing while it holds', async () => {
    const { original, queue } = await queues();
    await send(client, original, orders(5));
    // The fallback is planned and does not exist yet.
    const early: SplitQueue = { ...queue, fallback: { name: 'planned' }, routes: [], forwarding: 'Hold' };
    const pipeline = pipelineFor(early);
    await pipeline.apply(early);
    assert.equal(pipeline.status().state, 'Holding');
    assert.equal((await takeAll(client, original)).length, 5);
  });

  it('copies body and attributes with their exact types', async () => {
    const { original, fallback, queue } = await queues();
    const attributes = {
      plain: text('größer ✓'),
      custom: { DataType: 'String.json', StringValue: '{"a":1}' },
      number: { DataType: 'Number.int', StringValue: '-0012.50' },
      picture: { DataType: 'Binary.gif', BinaryValue: Uint8Array.from([0, 255, 1, 254]) },
    };
    const body = '  {"spaces": "kept"}\r\n\t';
    const AWSTraceHeader = text('Root=1-5759e988-bd862e3fe1be46a994272793');
    await client.send(
      new SendMessageCommand({
        QueueUrl: original.url,
        MessageBody: body,
        MessageAttributes: attributes,
        MessageSystemAttributes: { AWSTraceHeader: { ...AWSTraceHeader, DataType: 'String' } },
      }),
    );
    const pipeline = pipelineFor(queue);
    await pipeline.apply(queue);
    await waitForCount(client, fallback, 1);
    const [copy] = await takeAll(client, fallback);
    assert.equal(copy?.Body, body);
    // fauxqs does not keep it.
    if (emulatorName !== 'fauxqs') assert.equal(copy?.Attributes?.AWSTraceHeader, AWSTraceHeader.StringValue);
    assert.deepEqual(Object.keys(copy?.MessageAttributes ?? {}).sort(), Object.keys(attributes).sort());
    for (const [name, sent] of Object.entries(attributes)) {
      const got: MessageAttributeValue | undefined = copy?.MessageAttributes?.[name];
      assert.equal(got?.DataType, sent.DataType);
      if ('StringValue' in sent) assert.equal(got?.StringValue, sent.StringValue);
      else assert.deepEqual(Uint8Array.from(got?.BinaryValue ?? []), sent.BinaryValue);
    }
  });

  it('returns what an ended session left to the fallback, and sends it nothing any more', async () => {
    const { original, fallback, alice, queue } = await queues();
    const pipeline = pipelineFor(queue);
    await pipeline.apply(queue);
    const before = orders(200);
    await send(client, original, before);
    await waitForCount(client, alice, wantedBy(before).alice.length);
    const ending = { ...queue, routes: queue.routes.map((route, index) => ({ ...route, ending: index === 0 })) };
    await pipeline.apply(ending);
    const later = orders(200, 200);
    await send(client, original, later);
    await waitFor('alice to be returned', () => pipeline.status().returned?.length === 1, { deadlineMs: 15_000 });
    assert.deepEqual(pipeline.status().returned, [
      { sessionUid: 'uid-alice', messages: wantedBy(before).alice.length },
    ]);
    await waitForCount(client, original, 0);
    assert.equal(await count(client, alice), 0);
    const fallbackIds = new Set(await takeIds(client, fallback));
    for (const id of wantedBy(before).alice) assert.ok(fallbackIds.has(id), `message ${id} came back`);
    // What alice got before now also fits to nobody, unless it is in the EU.
    for (const id of wantedBy(later).alice.filter((id) => id % 3 !== 0 && id % 5 !== 0)) assert.ok(fallbackIds.has(id));
    await pipeline.apply({ ...ending, routes: ending.routes.slice(1) });
    assert.equal(pipeline.status().returned, undefined);
  });

  it('has nothing in flight after Stop, and nothing is lost', async () => {
    const { original, queue, ...others } = await queues();
    await send(client, original, orders(1_000));
    const pipeline = pipelineFor(queue);
    await pipeline.apply(queue);
    await pipeline.apply({ ...queue, forwarding: 'Stop' });
    assert.equal(pipeline.status().state, 'Stopped');
    const depth = async (place: Place) => (await takeAll(client, place)).length;
    const left = await depth(original);
    const moved = await Promise.all([others.fallback, others.alice, others.bob, others.eu].map(depth));
    assert.equal(left + moved.reduce((sum, n) => sum + n, 0), 1_000);
    assert.equal(await count(client, original), 0, 'nothing invisible in the original');
  });

  it('moves everything back to the original on Return', async () => {
    const { original, queue, ...others } = await queues();
    const messages = orders(300);
    await send(client, original, messages);
    const pipeline = pipelineFor(queue);
    await pipeline.apply(queue);
    await waitForCount(client, original, 0);
    await pipeline.apply({ ...queue, forwarding: 'Return' });
    await waitFor('everything to be returned', () => pipeline.status().state === 'Returned', { deadlineMs: 20_000 });
    for (const place of [others.fallback, others.alice, others.bob, others.eu])
      assert.equal(await count(client, place), 0);
    assert.deepEqual(
      await takeIds(client, original),
      messages.map(({ id }) => id),
    );
  });

  it('lets a missing destination stop nobody else, says so, and gives its messages to the fallback when the route ends', async () => {
    const { original, fallback, alice, bob, queue } = await queues();
    const gone = { name: 'gone', url: alice.url.replace(alice.name, 'mirrord-gone') };
    const broken = { ...queue, routes: [routeTo('alice', FILTERS.alice, gone, 1), ...queue.routes.slice(1)] };
    const pipeline = pipelineFor(broken);
    await pipeline.apply(broken);
    const messages = orders(400);
    await send(client, original, messages);
    const wanted = wantedBy(messages);
    await waitForCount(client, bob, wanted.bob.length);
    await waitForCount(client, fallback, wanted.fallback.length);
    await waitFor('the problem to be told', () => pipeline.status().reason === 'QueueNotFound', { deadlineMs: 5_000 });
    assert.equal(pipeline.status().state, 'Forwarding');
    // A copy is stored before its original is deleted.
    await waitForCount(client, original, wanted.alice.length);
    await pipeline.apply({ ...queue, routes: queue.routes.slice(1) });
    await waitForCount(client, original, 0, 30_000);
    assert.equal(pipeline.status().reason, undefined);
  });

  it('reads and writes nothing while this replica may not', async () => {
    const { original, fallback, queue } = await queues();
    await send(client, original, orders(10));
    let allowed = false;
    const pipeline = pipelineFor(queue, () => allowed);
    const applied = pipeline.apply(queue);
    await waitFor('some time of the pipeline', () => count(client, original).then((n) => n === 10), {
      deadlineMs: 2_000,
    });
    assert.equal(await count(client, fallback), 0);
    allowed = true;
    await applied;
    await waitForCount(client, original, 0);
  });

  it('tells what was seen of a filter that matches nothing, without values', async () => {
    const { original, alice, fallback } = await queues();
    const routes = [routeTo('carol', { TENANT: '^carol$', nothing: '.' }, alice)];
    const queue = splitQueue(original, fallback, routes, { connection });
    const pipeline = pipelineFor(queue);
    await pipeline.apply(queue);
    await send(client, original, orders(70));
    const seen = await waitFor('the hint', () => pipeline.status().seen?.find((entry) => entry.read === 70), {
      deadlineMs: 10_000,
    });
    assert.deepEqual(seen, {
      sessionUid: 'uid-carol',
      read: 70,
      matched: 0,
      names: [
        { name: 'TENANT', messages: 70, distinct: 9 },
        { name: 'nothing', messages: 0, distinct: 0 },
      ],
    });
  });
}
