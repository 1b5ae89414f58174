/** Temporary queues that no split owns any more: found by their tags, emptied into their original, deleted; everybody else's stay. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CreateQueueCommand, GetQueueUrlCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { CLUSTER_TAG, SPLIT_TAG } from '../../api/constants.ts';
import type { LedgerEntry } from '../../api/kinds/workload-split.ts';
import { systemClock } from '../../common/clock.ts';
import { createSqsClients, type SqsClients } from '../../common/sqs/client.ts';
import { createSqsAdmin } from '../../controller/brokers/sqs/admin.ts';
import { collectQueue, createSqsCollector, findQueues } from '../../controller/brokers/sqs/orphans.ts';
import { localPlace } from '../testbed/brokers/place.ts';
import { type SqsEmulator, startFauxqs } from '../testbed/brokers/sqs.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { createQueue, type Place, send, splitQueue, takeIds, text } from './sqs-support.ts';

const OWNER = { clusterUid: 'cluster', splitUid: 'split' };
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const messages = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ id: from + index, attributes: { tenant: text('alice') } }));
const NEVER = new AbortController().signal;

describe('SQS queues without an owner', () => {
  let run: Run;
  let emulator: SqsEmulator;
  let client: SQSClient;
  let clients: SqsClients;
  let count = 0;
  const options = () => ({ clients, emptyConfirmationMs: 200, clock: systemClock, log });

  before(async () => {
    run = openRun();
    emulator = await startFauxqs(localPlace(run));
    client = emulator.client();
    Object.assign(process.env, emulator.environment);
    clients = createSqsClients();
  });
  after(async () => {
    clients?.close();
    client?.destroy();
    await run?.destroy();
  });

  /** A temporary queue of `original` as the controller makes it. */
  async function makeTemporary(original: Place, owner = OWNER): Promise<{ place: Place; entry: LedgerEntry }> {
    count += 1;
    const name = `mirrord-${count}-orders`;
    const entry: LedgerEntry = { kind: 'SqsQueue', name, role: 'fallback', queue: 'orders', state: 'Planned' };
    const { url = '' } = await createSqsAdmin(clients, log).create({
      entry,
      original,
      connection: {},
      owner,
      tags: {},
    });
    return { place: { name, url }, entry: { ...entry, url, state: 'Created' } };
  }

  const exists = async ({ name }: { name: string }): Promise<boolean> => {
    try {
      await client.send(new GetQueueUrlCommand({ QueueName: name }));
      return true;
    } catch {
      return false;
    }
  };

  it('are those of this cluster, with split and original, and never those of another one', async () => {
    const original = await createQueue(client, 'orders');
    const ours = await makeTemporary(original);
    const known = await makeTemporary(original);
    await makeTemporary(original, { ...OWNER, clusterUid: 'another' });
    await client.send(new CreateQueueCommand({ QueueName: 'mirrord-somebody-elses' }));
    await client.send(new CreateQueueCommand({ QueueName: 'mirrord-forged', tags: { [CLUSTER_TAG]: 'cluster' } }));
    await client.send(
      new CreateQueueCommand({
        QueueName: 'not-ours-by-name',
        tags: { [CLUSTER_TAG]: 'cluster', [SPLIT_TAG]: 'split' },
      }),
    );
    const found = await findQueues(clients, {}, 'cluster', new Set([known.place.name]), log);
    assert.deepEqual(found, [{ ...ours.place, connection: {}, splitUid: 'split', original: original.url }]);
  });

  it('are found on every page', async () => {
    const original = await createQueue(client, 'orders');
    const owner = { ...OWNER, clusterUid: 'crowded' };
    const names = Array.from({ length: 1_010 }, (_, index) => `mirrord-crowd-${index}`);
    for (const QueueName of names) {
      await client.send(new CreateQueueCommand({ QueueName, tags: { [CLUSTER_TAG]: 'x', [SPLIT_TAG]: 'y' } }));
    }
    const last = await makeTemporary(original, owner);
    const found = await findQueues(clients, {}, 'crowded', new Set(names), log);
    assert.deepEqual(
      found.map(({ name }) => name),
      [last.place.name],
    );
  });

  it('give their messages back to the original and go', async () => {
    const original = await createQueue(client, 'orders');
    const { place } = await makeTemporary(original);
    await send(client, place, messages(25));
    const queue = { ...place, connection: {}, splitUid: 'split', original: original.url };
    assert.equal(await collectQueue(options(), queue, NEVER), undefined);
    assert.equal(await exists(place), false);
    assert.deepEqual(
      await takeIds(client, original),
      messages(25).map(({ id }) => id),
    );
    assert.equal(await collectQueue(options(), queue, NEVER), undefined, 'it may be done again');
  });

  it('are kept when nobody knows their original, or it is gone', async () => {
    const original = await createQueue(client, 'orders');
    const { place } = await makeTemporary(original);
    await send(client, place, messages(3));
    const queue = { ...place, connection: {}, splitUid: 'split', original: undefined };
    assert.match((await collectQueue(options(), queue, NEVER)) ?? '', /does not say which queue.*3 are in it/);
    const gone = original.url.replace(original.name, 'orders-gone');
    const why = await collectQueue(options(), { ...queue, original: gone }, NEVER);
    assert.match(why ?? '', /is kept: SQS queue orders-gone does not exist/);
    assert.deepEqual(await takeIds(client, place), [0, 1, 2]);
  });

  it('of a remembered split go together, and those that were never made do not matter', async () => {
    const original = await createQueue(client, 'orders');
    const [fallback, session] = [await makeTemporary(original), await makeTemporary(original)];
    await send(client, fallback.place, messages(4));
    await send(client, session.place, messages(2, 4));
    const neverMade: LedgerEntry = { ...session.entry, name: 'mirrord-never-made', state: 'Planned' };
    delete neverMade.url;
    const queue = splitQueue(original, fallback.place, []);
    const entries = [fallback.entry, session.entry, neverMade];
    const remains = { queue, entries, owner: OWNER, isSplitAgain: false };
    assert.deepEqual(await createSqsCollector(options())(remains, NEVER), []);
    assert.deepEqual([await exists(fallback.place), await exists(session.place)], [false, false]);
    assert.deepEqual(await takeIds(client, original), [0, 1, 2, 3, 4, 5]);
  });

  it('are not touched when their tags are not those of the remembered split', async () => {
    const original = await createQueue(client, 'orders');
    const { place, entry } = await makeTemporary(original, { ...OWNER, splitUid: 'another' });
    const remains = { queue: splitQueue(original, place, []), entries: [entry], owner: OWNER, isSplitAgain: false };
    const [why] = await createSqsCollector(options())(remains, NEVER);
    assert.match(why ?? '', /does not carry this split's tags/);
    assert.equal(await exists(place), true);
  });

  it('are kept while a reader has messages in flight, and nothing is lost', async () => {
    const original = await createQueue(client, 'orders');
    const { place } = await makeTemporary(original);
    await send(client, place, messages(2));
    const taken = await client.send(
      new ReceiveMessageCommand({ QueueUrl: place.url, MaxNumberOfMessages: 1, VisibilityTimeout: 600 }),
    );
    assert.equal(taken.Messages?.length, 1);
    const hasty = { ...systemClock, monotonic: () => systemClock.monotonic() * 100 };
    const queue = { ...place, connection: {}, splitUid: 'split', original: original.url };
    const why = await collectQueue({ ...options(), clock: hasty }, queue, NEVER);
    assert.match(why ?? '', /still holds 1 messages \(1 in flight at a reader\)/);
    assert.equal(await exists(place), true);
  });
});
