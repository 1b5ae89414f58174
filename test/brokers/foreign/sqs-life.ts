/**
 * One scenario that SQS applications with boto3 must pass with every emulator, through the controller's and the forwarder's own code: the queue
 * given by name, URL, ARN or JSON map, long and short polls, messages of every kind, an original with tags, a policy and a dead-letter queue.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ListQueueTagsCommand,
  SetQueueAttributesCommand,
  type SQSClient,
  TagQueueCommand,
} from '@aws-sdk/client-sqs';
import type { LedgerEntry, QueueLocation, QueueVariable, SplitQueue } from '../../../api/kinds/workload-split.ts';
import { systemClock } from '../../../common/clock.ts';
import { createSqsClients, type SqsClients } from '../../../common/sqs/client.ts';
import type { BrokerAdmin } from '../../../controller/brokers/broker.ts';
import { createSqsAdmin } from '../../../controller/brokers/sqs/admin.ts';
import { environmentFor } from '../../../controller/decide/environment.ts';
import type { Pipeline } from '../../../sidecar/pipeline.ts';
import { createSqsPipeline } from '../../../sidecar/sqs/pipeline.ts';
import { localPlace, type Place } from '../../testbed/brokers/place.ts';
import type { SqsEmulator } from '../../testbed/brokers/sqs.ts';
import { runCommand } from '../../testbed/commands.ts';
import { openRun, type Run } from '../../testbed/runs.ts';
import { ensurePython } from '../../testbed/toolchain/python.ts';
import { waitFor } from '../../testbed/wait.ts';
import { createQueue, routeTo, waitForCount } from '../sqs-support.ts';

const PROGRAM = `${import.meta.dirname}/sqs.py`;
const OWNER = { clusterUid: 'cluster', splitUid: 'split' };
const DEADLINE = { deadlineMs: 30_000 };
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const python = await ensurePython();

type Sent = { body: string; attributes: Record<string, [type: string, content: string]>; trace?: string };
type Seen = { key: string; body: string; attributes: Sent['attributes']; trace: string | null };

const base64 = (...bytes: number[]) => Buffer.from(bytes).toString('base64');
const TRACE = 'Root=1-5759e988-bd862e3fe1be46a994272793';

/** Beyond the first plane of Unicode: AWS takes it, fauxqs does not. */
const BEYOND = '😀';

/** Every other one is alice's, in one spelling or another. */
const MESSAGES: readonly Sent[] = [
  { body: 'plain', attributes: { tenant: ['String', 'alice'] } },
  { body: 'no attributes ✓', attributes: {} },
  { body: ' \t spaces and\r\nlines \u2028 ✓ <&"\' ]]> ', attributes: { TENANT: ['String', 'Alice'] } },
  { body: '{"json": "\\u0041"}', attributes: { tenant: ['String', 'bob'] } },
  {
    body: 'ten',
    attributes: {
      tenant: ['String', 'alice'],
      'a.b-c_1': ['String', ' '],
      ...Object.fromEntries(
        Array.from({ length: 8 }, (_, index) => [`n${index}`, ['Number.int', `${index}`]] as const),
      ),
    },
  },
  {
    body: 'binary',
    attributes: { tenant: ['Binary', base64(97, 108, 105, 99, 101)], b: ['Binary.gif', base64(0, 255)] },
  },
  {
    body: 'typed',
    attributes: { tenant: ['String.id', 'alice'], number: ['Number', '-0012.50'], t: ['Number.float', '1e3'] },
  },
  { body: `similar ${BEYOND}`, attributes: { tenant: ['String', 'malice'] } },
  { body: 'traced', attributes: { tenant: ['String', 'ALICE'] }, trace: TRACE },
  { body: 'large '.repeat(40_000), attributes: { tenant: ['String', 'carol'] } },
];
const isAlices = (index: number) => index % 2 === 0;

export type Emulator = {
  name: string;
  start: (place: Place) => Promise<SqsEmulator>;
  skip: string | false;
  /** Keeps X-Ray trace headers. */
  traces: boolean;
  /** Takes characters beyond the first plane of Unicode, as AWS does. */
  takesAll: boolean;
};

/** Why boto3 cannot run here, or false. */
export const skip: string | false = python.available ? false : `${python.reason} ${python.howToGet}`;

/** The whole scenario, once for each way in which an application may be given its queue. */
export function describeApplications(emulator: Emulator): void {
  describe(`boto3 with ${emulator.name}`, { skip: emulator.skip }, () => suite(emulator));
}

function suite({ start, traces, takesAll }: Emulator): void {
  const messages = MESSAGES.map(({ body, ...message }) => ({
    ...message,
    body: takesAll ? body : body.replace(BEYOND, ''),
  }));
  let run: Run;
  let place: Place;
  let emulator: SqsEmulator;
  let client: SQSClient;
  let clients: SqsClients;
  let admin: BrokerAdmin;
  const open: Pipeline[] = [];

  before(async () => {
    run = openRun();
    place = localPlace(run);
    emulator = await start(place);
    client = emulator.client();
    Object.assign(process.env, emulator.environment);
    clients = createSqsClients();
    admin = createSqsAdmin(clients, log);
  });
  after(async () => {
    await Promise.all(open.map((pipeline) => pipeline.close()));
    clients?.close();
    client?.destroy();
    await run?.destroy();
  });

  const environment = (queues: string) => ({
    ...process.env,
    ...emulator.environment,
    AWS_DEFAULT_REGION: emulator.environment['AWS_REGION'],
    QUEUES: queues,
  });
  const command = () => (python.available ? python.command : '');

  async function consume(queues: string, waitSeconds: number) {
    const started = await place.start(command(), [PROGRAM, 'consume'], {
      name: 'boto3',
      env: { ...environment(queues), WAIT_SECONDS: String(waitSeconds) },
    });
    const seen = (): Seen[] => {
      if (!started.isRunning()) throw new Error(`boto3 has ended: ${started.tail()}`);
      const lines = readFileSync(started.logPath, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Seen | { queues: unknown }).filter((line) => 'body' in line);
    };
    return { seen, stop: () => started.stop(30_000) };
  }

  const attributesOf = async (url = '') =>
    (await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }))).Attributes ?? {};

  const entry = (original: QueueLocation, role: LedgerEntry['role']): LedgerEntry => ({
    kind: 'SqsQueue',
    name: `mirrord-${role}-${original.name}`,
    role,
    queue: 'orders',
    state: 'Planned',
  });

  /** What a controller makes of it; `value` is what the variable holds. */
  async function split(value: string, format: QueueVariable['format'], original: QueueLocation) {
    const common = { original, connection: {}, owner: OWNER, tags: { tool: 'mirrord' } };
    const fallback = entry(original, 'fallback');
    const session = entry(original, 'session');
    const made = await Promise.all([fallback, session].map((planned) => admin.create({ ...common, entry: planned })));
    const [fallbackUrl = '', sessionUrl = ''] = made.map(({ url }) => url);
    const route = routeTo('alice', { Tenant: '^alice$' }, { name: session.name, url: sessionUrl });
    const variable: QueueVariable = {
      container: 'app',
      variable: 'QUEUES',
      format,
      original: value,
      origin: 'env value',
    };
    const queue: SplitQueue = {
      key: 'orders',
      id: 'orders',
      kind: 'SQS',
      connection: {},
      variables: [variable],
      groupVariables: [],
      original,
      fallback: { name: fallback.name, url: fallbackUrl },
      routes: [route],
      forwarding: 'Forward',
    };
    const valueFor = (to: QueueLocation) => environmentFor([queue], () => to)[0]?.value ?? '';
    return {
      queue,
      entries: [
        { ...fallback, url: fallbackUrl },
        { ...session, url: sessionUrl },
      ],
      patched: valueFor(queue.fallback),
      local: valueFor(route.destination),
    };
  }

  const FORMS: readonly [
    form: string,
    waitSeconds: number,
    value: (queue: { name: string; url: string; arn: string }) => string,
  ][] = [
    ['its name, short polls', 0, ({ name }) => name],
    ['its URL, long polls', 1, ({ url }) => url],
    ['its ARN', 1, ({ arn }) => arn],
    ['a JSON map of all three', 0, ({ name, url, arn }) => JSON.stringify({ name, url, arn })],
  ];
  for (const [form, waitSeconds, value] of FORMS) {
    it(`an application that is given ${form}`, async () => {
      const place = await createQueue(client, 'orders', { VisibilityTimeout: '20' });
      const { identity: arn } = await admin.describeOriginal(place.name, {});
      const given = value({ ...place, arn });
      const { queue, patched, local, entries } = await split(given, given.startsWith('{') ? 'JsonMap' : 'Plain', place);
      assert.ok(!patched.includes(`"${place.name}"`) && patched !== given, patched);
      const [deployed, laptop] = await Promise.all([consume(patched, waitSeconds), consume(local, waitSeconds)]);
      const pipeline = createSqsPipeline(
        queue,
        {
          split: { name: 's', namespace: 'shop', uid: 'u' },
          onChange: () => undefined,
          mayWrite: () => true,
          othersMayWrite: () => undefined,
          isFallbackRead: () => true,
        },
        {
          clients,
          clock: systemClock,
          random: Math.random,
          settings: { waitSeconds: 1, visibilitySeconds: 20, confirmEmptyMs: 500, stopPatienceMs: 1_000 },
        },
      );
      open.push(pipeline);
      await pipeline.apply(queue);
      const input = messages.map((message) => JSON.stringify(message)).join('\n');
      await runCommand(command(), [PROGRAM, 'produce'], { env: environment(place.url), input });
      const half = messages.length / 2;
      await waitFor('all to be read', () => deployed.seen().length >= half && laptop.seen().length >= half, DEADLINE);
      const expected = (wanted: boolean) =>
        byBody(messages.filter((_, index) => isAlices(index) === wanted).map(shown(traces)));
      assert.deepEqual(byBody(laptop.seen().map(shown(traces))), expected(true));
      assert.deepEqual(byBody(deployed.seen().map(shown(traces))), expected(false));
      // The session leaves, and what comes for it afterwards is the deployed application's.
      await laptop.stop();
      await runCommand(command(), [PROGRAM, 'produce'], { env: environment(place.url), input });
      await waitForCount(client, { ...place, ...locationOf(queue) }, half);
      await pipeline.apply({ ...queue, routes: queue.routes.map((route) => ({ ...route, ending: true })) });
      await waitFor('the left-overs to be moved', () => pipeline.status().returned?.[0]?.messages === half, DEADLINE);
      await waitFor('the application to read all', () => deployed.seen().length >= 3 * half, DEADLINE);
      await pipeline.apply({ ...queue, routes: [], forwarding: 'Stop' });
      await waitFor('the drain', async () => (await admin.remaining(queue)) === 0, DEADLINE);
      await deployed.stop();
      for (const made of entries) {
        await admin.delete(made, {}, OWNER);
        await assert.rejects(attributesOf(made.url), made.name);
      }
    });
  }

  it('an original with tags, policy, key, delay and a dead-letter queue is cloned, and a FIFO queue refused', async () => {
    const dead = await createQueue(client, 'dead');
    const { identity: deadArn } = await admin.describeOriginal(dead.name, {});
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadArn, maxReceiveCount: 5 });
    const original = await createQueue(client, 'orders', {
      RedrivePolicy,
      VisibilityTimeout: '77',
      DelaySeconds: '1',
      MessageRetentionPeriod: '3600',
      ReceiveMessageWaitTimeSeconds: '3',
    });
    const { identity } = await admin.describeOriginal(original.name, {});
    await client.send(new TagQueueCommand({ QueueUrl: original.url, Tags: { team: 'shop ✓', empty: '' } }));
    const statement = { Sid: 'all', Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: identity };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await client.send(new SetQueueAttributesCommand({ QueueUrl: original.url, Attributes: { Policy } }));
    const { entries } = await split(original.name, 'Plain', original);
    for (const { url } of entries) {
      const clone = await attributesOf(url);
      assert.equal(clone['VisibilityTimeout'], '77');
      // ElasticMQ does not keep it.
      assert.equal(clone['MessageRetentionPeriod'], (await attributesOf(original.url))['MessageRetentionPeriod']);
      assert.equal(clone['DelaySeconds'], '0');
      assert.deepEqual(JSON.parse(clone['RedrivePolicy'] ?? ''), JSON.parse(RedrivePolicy));
      if (clone['Policy']) assert.deepEqual(JSON.parse(clone['Policy']).Statement[0].Resource, clone['QueueArn']);
      const { Tags } = await client.send(new ListQueueTagsCommand({ QueueUrl: url }));
      assert.deepEqual(Tags, {
        team: 'shop ✓',
        empty: '',
        tool: 'mirrord',
        'queuesplitter.dev/cluster': 'cluster',
        'queuesplitter.dev/split': 'split',
        'queuesplitter.dev/original': original.url,
      });
      await client.send(new DeleteQueueCommand({ QueueUrl: url }));
    }
    await assert.rejects(admin.describeOriginal('no-such-queue', {}), { code: 'QueueNotFound' });
    await assert.rejects(admin.describeOriginal(original.url.replace('orders', 'gone'), {}), { code: 'QueueNotFound' });
    const fifo = original.name.replace('orders', 'fifo');
    await runCommand(
      command(),
      [
        '-c',
        `import boto3; boto3.client("sqs").create_queue(QueueName="${fifo}.fifo", Attributes={"FifoQueue": "true"})`,
      ],
      {
        env: environment(''),
      },
    );
    await assert.rejects(admin.describeOriginal(`${fifo}.fifo`, {}), { code: 'UnsupportedQueueKind', message: /FIFO/ });
  });
}

function locationOf({ routes }: SplitQueue): { name: string; url: string } {
  const { name = '', url = '' } = routes[0]?.destination ?? {};
  return { name, url };
}

const byBody = <T extends { body: string }>(list: readonly T[]): T[] =>
  list.toSorted((one, other) => (one.body < other.body ? -1 : 1));

const shown =
  (traces: boolean) =>
  ({ body, attributes, trace }: Sent | Seen) => ({ body, attributes, trace: traces ? (trace ?? null) : null });
