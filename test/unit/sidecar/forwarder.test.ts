// What a forwarder does with the splits that it holds: brings them to their spec, acknowledges, reports, closes.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { SplitterError } from '../../../common/errors.ts';
import type { Forwarder } from '../../../sidecar/forwarder.ts';
import { settled } from '../common/fake-clock.ts';
import { queue, startForwarder } from './forwarder-bench.ts';

describe('Forwarder', () => {
  const open: Forwarder[] = [];
  afterEach(() => Promise.all(open.splice(0).map((forwarder) => forwarder.stop())));

  function setUp(options?: Parameters<typeof startForwarder>[0]) {
    const started = startForwarder(options);
    open.push(started.forwarder);
    return started;
  }

  it('takes a split without holder, brings it to its spec and acknowledges the revision', async () => {
    const { splits, pipelines, status } = setUp();
    splits.put('a', { revision: 3, queues: [queue('orders')] });
    await settled();
    await settled();
    assert.deepEqual(status('a'), {
      holder: 'me',
      acknowledgedRevision: 3,
      queues: [{ key: 'orders', state: 'Forwarding' }],
    });
    assert.equal(pipelines[0]?.options.split.workload, 'worker');
  });

  it('acknowledges only when every queue fully acts on it', async () => {
    const { splits, pipelines, status } = setUp();
    splits.put('a', { revision: 1, queues: [queue('orders')] });
    await settled();
    await settled();
    const gate = Promise.withResolvers<void>();
    const [first] = pipelines;
    assert.ok(first);
    first.gate = gate.promise;
    splits.change('a', (split) => {
      split.spec.revision = 2;
      split.spec.queues = [queue('orders', { forwarding: 'Hold' }), queue('mails')];
    });
    await settled();
    await settled();
    assert.equal(status('a')?.acknowledgedRevision, 1);
    gate.resolve();
    await settled();
    await settled();
    assert.equal(status('a')?.acknowledgedRevision, 2);
    assert.deepEqual(
      status('a')?.queues.map(({ state }) => state),
      ['Holding', 'Forwarding'],
    );
  });

  it('applies a revision once, whatever else changes in the object', async () => {
    const { splits, pipelines } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    await settled();
    splits.change('a', (split) => {
      split.status = { ...split.status, conditions: [] };
    });
    await settled();
    await settled();
    assert.equal(pipelines[0]?.applied.length, 1);
  });

  it('tries a queue again that cannot be brought to the spec, says why, and acknowledges nothing meanwhile', async () => {
    const { splits, pipelines, status, clock } = setUp();
    splits.put('a', { revision: 5, queues: [queue('orders')] });
    await settled();
    const [pipeline] = pipelines;
    assert.ok(pipeline);
    pipeline.gate = Promise.reject(new SplitterError('PermissionDenied', 'sqs:ReceiveMessage was refused'));
    pipeline.gate.catch(() => undefined);
    splits.change('a', (split) => {
      split.spec.revision = 6;
    });
    await settled();
    await settled();
    assert.equal(status('a')?.queues[0]?.reason, 'PermissionDenied');
    assert.equal(status('a')?.acknowledgedRevision, 5);
    pipeline.gate = Promise.resolve();
    await clock.advance(1_000);
    await settled();
    assert.equal(status('a')?.acknowledgedRevision, 6);
    assert.equal(status('a')?.queues[0]?.state, 'Forwarding');
  });

  it('ignores copies and objects that are not complete', async () => {
    const { splits, pipelines } = setUp();
    splits.put('copy', { incarnation: { clusterUid: 'cluster', selfUid: 'of-another' }, queues: [queue('orders')] });
    splits.put('new', { incarnation: undefined as never, queues: [queue('orders')] });
    await settled();
    assert.equal(pipelines.length, 0);
  });

  it('closes the pipelines of a deleted split and of a removed queue', async () => {
    const { splits, pipelines } = setUp();
    splits.put('a', { queues: [queue('orders'), queue('mails')] });
    await settled();
    splits.change('a', (split) => {
      split.spec.revision += 1;
      split.spec.queues = [queue('orders')];
    });
    await settled();
    assert.deepEqual(
      pipelines.map(({ isClosed }) => isClosed),
      [false, true],
    );
    splits.remove('a');
    await settled();
    assert.deepEqual(
      pipelines.map(({ isClosed }) => isClosed),
      [true, true],
    );
  });

  it('closes everything when it stops', async () => {
    const { splits, pipelines, forwarder } = setUp();
    splits.put('a', { queues: [queue('orders')] });
    splits.put('b', { queues: [queue('orders')] });
    await settled();
    await forwarder.stop();
    assert.deepEqual(
      pipelines.map(({ isClosed }) => isClosed),
      [true, true],
    );
  });
});
