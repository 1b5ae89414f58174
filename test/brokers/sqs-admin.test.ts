/** The controller's SQS calls against an emulator: what they find, make, refuse and delete. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ListQueueTagsCommand,
  SetQueueAttributesCommand,
  type SQSClient,
  TagQueueCommand,
} from '@aws-sdk/client-sqs';
import type { LedgerEntry, QueueLocation } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../../common/errors.ts';
import { createSqsClients, type SqsClients } from '../../common/sqs/client.ts';
import type { BrokerAdmin, CreateRequest } from '../../controller/brokers/broker.ts';
import { createSqsAdmin } from '../../controller/brokers/sqs/admin.ts';
import { localPlace } from '../testbed/brokers/place.ts';
import { type SqsEmulator, startFauxqs } from '../testbed/brokers/sqs.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { createQueue, routeTo, send, splitQueue, text } from './sqs-support.ts';

const OWNER = { clusterUid: 'cluster', splitUid: 'split' };
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function codeOf(code: string, words: RegExp = /./) {
  return (error: unknown) => {
    assert.ok(error instanceof SplitterError);
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
}

describe('SQS for the controller', () => {
  let run: Run;
  let emulator: SqsEmulator;
  let client: SQSClient;
  let clients: SqsClients;
  let admin: BrokerAdmin;
  const names = { count: 0 };

  before(async () => {
    run = openRun();
    emulator = await startFauxqs(localPlace(run));
    client = emulator.client();
    Object.assign(process.env, emulator.environment);
    clients = createSqsClients();
    admin = createSqsAdmin(clients, log);
  });
  after(async () => {
    clients?.close();
    client?.destroy();
    await run?.destroy();
  });

  const entry = (more: Partial<LedgerEntry> = {}): LedgerEntry => {
    names.count += 1;
    return {
      kind: 'SqsQueue',
      name: `mirrord-${names.count}-orders`,
      role: 'fallback',
      queue: 'orders',
      state: 'Planned',
      ...more,
    };
  };
  const request = (original: QueueLocation, more: Partial<CreateRequest> = {}): CreateRequest => ({
    entry: entry(),
    original,
    connection: {},
    owner: OWNER,
    tags: {},
    ...more,
  });
  const attributes = async (url = '') =>
    (await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }))).Attributes ?? {};
  const tags = async (url = '') => (await client.send(new ListQueueTagsCommand({ QueueUrl: url }))).Tags ?? {};

  it('finds an original by name, URL and ARN, and knows it as the same queue', async () => {
    const queue = await createQueue(client, 'orders');
    const byName = await admin.describeOriginal(queue.name, {});
    assert.deepEqual(byName.location, queue);
    assert.match(byName.identity, new RegExp(`^arn:aws:sqs:.*:${queue.name}$`));
    assert.deepEqual(await admin.describeOriginal(queue.url, {}), byName);
    assert.equal((await admin.describeOriginal(byName.identity, {})).identity, byName.identity);
  });

  it('says what is missing or not supported', async () => {
    await assert.rejects(admin.describeOriginal('no-such-queue', {}), codeOf('QueueNotFound', /no-such-queue/));
    await assert.rejects(admin.describeOriginal('not a name', {}), codeOf('VariableUnreadable'));
  });

  it('refuses FIFO queues for now', async () => {
    const { QueueUrl = '' } = await client.send(
      new CreateQueueCommand({ QueueName: 'orders.fifo', Attributes: { FifoQueue: 'true' } }),
    );
    await assert.rejects(admin.describeOriginal(QueueUrl, {}), codeOf('UnsupportedQueueKind', /FIFO/));
  });

  it('clones settings, policy and tags, with our marks set from the start', async () => {
    const original = await createQueue(client, 'orders', { VisibilityTimeout: '77', DelaySeconds: '5' });
    const { identity } = await admin.describeOriginal(original.name, {});
    const Policy = JSON.stringify({
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 'sqs:*', Resource: identity }],
    });
    await client.send(new SetQueueAttributesCommand({ QueueUrl: original.url, Attributes: { Policy } }));
    await client.send(new TagQueueCommand({ QueueUrl: original.url, Tags: { team: 'shop', env: 'prod' } }));
    const wanted = request(original, { tags: { env: 'dev' } });
    const { url } = await admin.create(wanted);
    const clone = await attributes(url);
    assert.equal(clone['VisibilityTimeout'], '77');
    assert.equal(clone['DelaySeconds'], '0');
    assert.equal(JSON.parse(clone['Policy'] ?? '').Statement[0].Resource, clone['QueueArn']);
    assert.deepEqual(await tags(url), {
      team: 'shop',
      env: 'dev',
      'queuesplitter.dev/cluster': 'cluster',
      'queuesplitter.dev/split': 'split',
      'queuesplitter.dev/original': original.url,
    });
    assert.deepEqual(await admin.create(wanted), { url }, 'creating again is a success');
  });

  it('keeps the dead-letter queue only where it admits another source', async () => {
    const dead = await createQueue(client, 'dead');
    const { identity } = await admin.describeOriginal(dead.name, {});
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: identity, maxReceiveCount: 3 });
    const original = await createQueue(client, 'orders', { RedrivePolicy });
    const admitted = await admin.create(request(original));
    assert.equal((await attributes(admitted.url))['RedrivePolicy'], RedrivePolicy);
    const RedriveAllowPolicy = JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: [] });
    await client.send(new SetQueueAttributesCommand({ QueueUrl: dead.url, Attributes: { RedriveAllowPolicy } }));
    const refused = await admin.create(request(original));
    assert.equal((await attributes(refused.url))['RedrivePolicy'], undefined);
  });

  it('neither takes over nor deletes a queue with other marks', async () => {
    const original = await createQueue(client, 'orders');
    const foreign = await createQueue(client, 'foreign');
    const own = entry({ name: foreign.name, url: foreign.url });
    await assert.rejects(admin.create(request(original, { entry: own })), codeOf('ForeignQueue', /not touched/));
    await assert.rejects(admin.delete(own, {}, OWNER), codeOf('ForeignQueue'));
    assert.ok((await attributes(foreign.url))['QueueArn']);
  });

  it('deletes what is ours, with or without its URL, and bears that it is gone', async () => {
    const original = await createQueue(client, 'orders');
    for (const withUrl of [true, false]) {
      const wanted = request(original);
      const { url } = await admin.create(wanted);
      const created = { ...wanted.entry, ...(withUrl && url !== undefined ? { url } : {}) };
      await admin.delete(created, {}, OWNER);
      await assert.rejects(attributes(url));
      await admin.delete(created, {}, OWNER);
    }
  });

  it('measures what the deployed target still has to read', async () => {
    const [original, fallback] = await Promise.all([createQueue(client, 'orders'), createQueue(client, 'fallback')]);
    const queue = splitQueue(original, fallback, [routeTo('alice', { a: 'b' }, original)]);
    assert.equal(await admin.remaining(queue), 0);
    await send(client, fallback, [{ id: 1, attributes: { a: text('b') } }]);
    assert.equal(await admin.remaining(queue), 1);
    assert.equal(await admin.remaining({ ...queue, fallback: { name: 'planned' } }), 0);
    const gone = { name: 'gone', url: fallback.url.replace(fallback.name, 'mirrord-gone') };
    assert.equal(await admin.remaining({ ...queue, fallback: gone }), 0);
  });
});
