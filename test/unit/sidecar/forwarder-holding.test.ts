// Who forwards a split: taking, losing and asking again, whatever the cache, the API server and the signs of life say.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { SplitterError } from '../../../common/errors.ts';
import { WORKLOAD_SPLITS } from '../../../common/kube/resources.ts';
import type { Forwarder } from '../../../sidecar/forwarder.ts';
import { settled } from '../common/fake-clock.ts';
import { queue, startForwarder } from './forwarder-bench.ts';

describe('The holder of a split', () => {
  const open: Forwarder[] = [];
  afterEach(() => Promise.all(open.splice(0).map((forwarder) => forwarder.stop())));

  function setUp(options?: Parameters<typeof startForwarder>[0]) {
    const started = startForwarder(options);
    open.push(started.forwarder);
    return started;
  }

  it('stops writing at once when the API says that another holds the split', async () => {
    const { splits, pipelines, status } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    const [pipeline] = pipelines;
    assert.equal(pipeline?.options.mayWrite(), true);
    splits.change('a', (split) => {
      split.status = { forwarder: { holder: 'other', acknowledgedRevision: 0, queues: [] } };
    });
    assert.equal(pipeline?.options.mayWrite(), false);
    await settled();
    assert.equal(pipeline?.isClosed, true);
    assert.equal(status('a')?.holder, 'other');
  });

  it('never reports over another holder, even before it has heard of it', async () => {
    const { splits, pipelines, status } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    splits.isWatching = false;
    splits.change('a', (split) => {
      split.status = { forwarder: { holder: 'other', acknowledgedRevision: 0, queues: [] } };
    });
    pipelines[0]?.set({ key: 'orders', state: 'Error' });
    await settled();
    assert.deepEqual(status('a'), { holder: 'other', acknowledgedRevision: 0, queues: [] });
    splits.catchUp();
    await settled();
    assert.equal(pipelines[0]?.isClosed, true);
  });

  it('writes its status again when it has vanished', async () => {
    const { splits, pipelines, status } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    await settled();
    splits.change('a', (split) => {
      delete split.status;
    });
    await settled();
    await settled();
    assert.equal(status('a')?.holder, 'me');
    assert.equal(status('a')?.acknowledgedRevision, 1);
    assert.equal(pipelines.length, 1, 'the data path went on');
  });

  it('writes its status again when a report of the process before it in the same pod arrives late', async () => {
    const { splits, status } = setUp();
    splits.put('a', { revision: 4, queues: [queue('orders')] });
    await settled();
    await settled();
    splits.change('a', (split) => {
      split.status = { forwarder: { holder: 'me', acknowledgedRevision: 3, queues: [] } };
    });
    await settled();
    await settled();
    assert.equal(status('a')?.acknowledgedRevision, 4);
    assert.deepEqual(status('a')?.queues, [{ key: 'orders', state: 'Forwarding' }]);
    const writes = splits.patches.length;
    await settled();
    assert.equal(splits.patches.length, writes, 'once is enough');
  });

  it('goes on and reports later when the API is away', async () => {
    const { splits, pipelines, status, clock, replicas } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    await settled();
    splits.failure = new SplitterError('ApiUnreachable', 'away', { retryable: true });
    replicas.current = undefined;
    pipelines[0]?.set({ key: 'orders', state: 'Error', message: 'a sentence' });
    await settled();
    assert.equal(pipelines[0]?.isClosed, false);
    assert.equal(pipelines[0]?.options.mayWrite(), true);
    splits.failure = undefined;
    await clock.advance(20_000);
    assert.equal(status('a')?.queues[0]?.message, 'a sentence');
  });

  it('writes nothing while the replica as a whole may not act', async () => {
    const { splits, pipelines, replicas } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    replicas.mayAct = false;
    assert.equal(pipelines[0]?.options.mayWrite(), false);
  });

  it('asks the API server whose the split is when its lease had run out, and writes nothing before the answer', async () => {
    const { clock, splits, pipelines, replicas } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    splits.put('b', { queues: [queue('invoices')] });
    await settled();
    const [mine, taken] = pipelines;
    splits.isWatching = false;
    splits.change('b', (split) => {
      split.status = { forwarder: { holder: 'other', acknowledgedRevision: 0, queues: [] } };
    });
    splits.failure = new SplitterError('ApiUnreachable', 'away', { retryable: true });
    replicas.term = 1;
    replicas.changed();
    await settled();
    assert.equal(mine?.options.mayWrite(), false);
    splits.failure = undefined;
    await clock.advance(20_000);
    assert.equal(mine?.options.mayWrite(), true);
    assert.equal(taken?.options.mayWrite(), false, 'the cache does not know yet that it is taken');
  });

  it('fails the write of another that is about to take the split, by writing down that it is still ours', async () => {
    const { splits, pipelines, replicas } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    const { metadata } = splits.at('a');
    replicas.term = 1;
    replicas.changed();
    await settled();
    assert.equal(pipelines[0]?.options.mayWrite(), true);
    const take = { metadata, status: { forwarder: { holder: 'other', acknowledgedRevision: 0, queues: [] } } };
    await assert.rejects(splits.client.mergePatch(WORKLOAD_SPLITS, { namespace: 'shop', name: 'a' }, take), {
      code: 'Conflict',
    });
    assert.equal(splits.at('a').status?.forwarder?.holder, 'me');
  });

  it('leaves a living holder alone and takes over when its sign of life is gone', async () => {
    const { splits, pipelines, replicas, status } = setUp({ alive: new Set(['me', 'other']) });
    splits.put('a', { queues: [queue('orders')] }, { holder: 'other' });
    await settled();
    assert.equal(pipelines.length, 0);
    replicas.current = new Set(['me']);
    replicas.changed();
    await settled();
    await settled();
    assert.equal(status('a')?.holder, 'me');
    assert.equal(pipelines.length, 1);
  });

  it('waits for a less loaded replica, then takes the split itself', async () => {
    const { splits, status, clock } = setUp({ alive: new Set(['me', 'other']) });
    splits.put('mine', {}, { holder: 'me' });
    await settled();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    assert.equal(status('a'), undefined);
    await clock.advance(2_000);
    await settled();
    assert.equal(status('a')?.holder, 'me');
  });

  it('begins with a fresh spec after it was fenced', async () => {
    const { splits, pipelines, status, clock } = setUp();
    splits.put('a', { queues: [queue('orders', { kind: 'Kafka' })] });
    await settled();
    await settled();
    pipelines[0]?.set({ key: 'orders', state: 'Error', reason: 'Fenced' });
    await settled();
    await settled();
    assert.equal(pipelines[0]?.isClosed, true);
    await clock.advance(1_000);
    await settled();
    await settled();
    assert.equal(pipelines.length, 2);
    assert.equal(status('a')?.acknowledgedRevision, 1);
  });
});
