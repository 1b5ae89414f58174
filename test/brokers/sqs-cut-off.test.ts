/** A forwarder that is cut off goes on sending by old routes while another one holds the split: nothing that it sends may be lost. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { BrokerConnection, SplitQueue } from '../../api/kinds/workload-split.ts';
import { systemClock } from '../../common/clock.ts';
import { createSqsClients, type SqsClients } from '../../common/sqs/client.ts';
import type { Pipeline } from '../../sidecar/pipeline.ts';
import { createSqsPipeline } from '../../sidecar/sqs/pipeline.ts';
import { localPlace } from '../testbed/brokers/place.ts';
import { startFauxqs } from '../testbed/brokers/sqs.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { waitFor } from '../testbed/wait.ts';
import {
  count,
  createQueue,
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
  confirmEmptyMs: 300,
  sessionDrainTimeoutMs: 500,
  retryMaxMs: 200,
  lagIntervalMs: 500,
};
const CUT_OFF = 'forwarder-1 was not seen to go';

describe('a forwarder that is cut off', () => {
  let run: Run;
  let client: SQSClient;
  let clients: SqsClients;
  let connection: BrokerConnection;
  const open: Pipeline[] = [];

  before(async () => {
    run = openRun();
    const emulator = await startFauxqs(localPlace(run));
    client = emulator.client();
    const { AWS_REGION: region = '', ...credentials } = emulator.environment;
    connection = { endpoint: emulator.url, region };
    Object.assign(process.env, credentials);
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

  /** A replica's pipeline; `others.may` is what it knows of other replicas. */
  function replica(queue: SplitQueue) {
    const others = { may: undefined as string | undefined };
    const pipeline = createSqsPipeline(
      queue,
      {
        split: { name: 'deployment-worker', namespace: 'shop', uid: 'u' },
        onChange: () => undefined,
        mayWrite: () => true,
        othersMayWrite: () => others.may,
        isFallbackRead: () => true,
      },
      { clients, clock: systemClock, random: Math.random, settings: SETTINGS },
    );
    open.push(pipeline);
    return { pipeline, others };
  }

  const ofAlice = (first: number, total: number) =>
    Array.from({ length: total }, (_, index) => ({ id: first + index, attributes: { tenant: text('alice') } }));

  async function queues(): Promise<{ original: Place; fallback: Place; alice: Place; queue: SplitQueue }> {
    const [original, fallback, alice] = await Promise.all(
      ['orders', 'fallback', 'alice'].map((name) => createQueue(client, name)),
    );
    assert.ok(original && fallback && alice);
    const route = routeTo('alice', { tenant: '^alice$' }, alice);
    return { original, fallback, alice, queue: splitQueue(original, fallback, [route], { connection }) };
  }

  it('the queue of a session that has ended is kept while it may still be filled, and everything in it moves', async () => {
    const { original, fallback, alice, queue } = await queues();
    const ending = { ...queue, routes: queue.routes.map((route) => ({ ...route, ending: true })) };
    const { pipeline, others } = replica(queue);
    others.may = CUT_OFF;
    await pipeline.apply(ending);
    await waitFor(
      'the pipeline to say why the queue is kept',
      () => pipeline.status().message?.includes(CUT_OFF) ?? false,
      {
        deadlineMs: 10_000,
      },
    );
    assert.equal(pipeline.status().returned, undefined);

    // What the other replica does: it has read from the original before, and knows nothing of the session's end.
    await send(client, alice, ofAlice(0, 20));
    await waitForCount(client, alice, 0);
    others.may = undefined;
    await waitFor('the session to be returned', () => pipeline.status().returned?.length === 1, { deadlineMs: 10_000 });
    assert.deepEqual(pipeline.status().returned, [{ sessionUid: 'uid-alice', messages: 20 }]);
    assert.equal((await takeIds(client, fallback)).length, 20);
    assert.equal(await count(client, original), 0);
  });

  it('Stop is not reported while it may still send, and messages keep flowing until then', async () => {
    const { original, fallback, queue } = await queues();
    const idle = { ...queue, routes: [] };
    const { pipeline, others } = replica(idle);
    await pipeline.apply(idle);
    others.may = CUT_OFF;
    const stopped = pipeline.apply({ ...idle, forwarding: 'Stop' });
    await send(client, original, ofAlice(0, 30));
    await waitForCount(client, fallback, 30);
    assert.notEqual(pipeline.status().state, 'Stopped');
    assert.match(pipeline.status().message ?? '', new RegExp(CUT_OFF));
    others.may = undefined;
    await stopped;
    assert.equal(pipeline.status().state, 'Stopped');
    assert.equal(pipeline.status().message, undefined);
    await send(client, original, ofAlice(30, 5));
    assert.equal((await takeAll(client, original)).length, 5, 'nobody reads the original any more');
  });
});
