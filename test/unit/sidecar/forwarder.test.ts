// The forwarder's shell over splits in memory and pipelines that only remember: who runs what, what is acknowledged, when it stops.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { ForwarderQueueStatus, SplitQueue } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import { Forwarder } from '../../../sidecar/forwarder.ts';
import type { Pipeline, PipelineOptions } from '../../../sidecar/pipeline.ts';
import { FakeClock, settled } from '../common/fake-clock.ts';
import { FakeSplits } from './fake-splits.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

class FakePipeline implements Pipeline {
  readonly applied: SplitQueue[] = [];
  readonly options: PipelineOptions;
  state: ForwarderQueueStatus;
  isClosed = false;
  /** Set it to let `apply` wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(queue: SplitQueue, options: PipelineOptions) {
    this.options = options;
    this.state = { key: queue.key, state: 'Holding' };
  }

  async apply(queue: SplitQueue): Promise<void> {
    this.applied.push(queue);
    await this.gate;
    this.set({ key: queue.key, state: queue.forwarding === 'Forward' ? 'Forwarding' : 'Holding' });
  }

  set(state: ForwarderQueueStatus): void {
    this.state = state;
    this.options.onChange();
  }

  status = () => this.state;

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function queue(key: string, more: Partial<SplitQueue> = {}): SplitQueue {
  return {
    key,
    id: key,
    kind: 'SQS',
    connection: {},
    variables: [],
    groupVariables: [],
    original: { name: key, url: `http://sqs/1/${key}` },
    fallback: { name: `f-${key}`, url: `http://sqs/1/f-${key}` },
    routes: [],
    forwarding: 'Forward',
    ...more,
  };
}

describe('Forwarder', () => {
  const open: Forwarder[] = [];
  afterEach(() => Promise.all(open.splice(0).map((forwarder) => forwarder.stop())));

  function setUp(options: { alive?: Set<string> | undefined } = { alive: new Set(['me']) }) {
    const clock = new FakeClock();
    const splits = new FakeSplits();
    const pipelines: FakePipeline[] = [];
    const replicas = { current: options.alive, changed: () => {}, mayAct: true };
    const factory = (made: SplitQueue, pipelineOptions: PipelineOptions) => {
      const pipeline = new FakePipeline(made, pipelineOptions);
      pipelines.push(pipeline);
      return pipeline;
    };
    const forwarder = new Forwarder({
      client: splits,
      splits,
      replicas: {
        alive: () => replicas.current,
        mayAct: () => replicas.mayAct,
        onChange: (callback) => {
          replicas.changed = callback;
        },
      },
      me: 'me',
      factories: { SQS: factory, Kafka: factory },
      clock,
      random: () => 0,
      log,
    });
    open.push(forwarder);
    forwarder.start();
    const status = (name: string) => splits.at(name).status?.forwarder;
    return { clock, splits, pipelines, replicas, forwarder, status };
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
