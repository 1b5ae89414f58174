import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry, SplitPhase, SplitQueue, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../../common/errors.ts';
import type { PodFact, QueueFacts } from '../../../../controller/decide/observed.ts';
import { observeQueues } from '../../../../controller/observe/queues.ts';
import { Steady } from '../../../../controller/observe/steady.ts';
import { createBench, putSplit, sqsQueue } from '../bench.ts';
import { podFact } from '../facts.ts';

const TOKEN = 'qs-1';
const CONFIRMATION_MS = { SQS: 60_000, Kafka: 0 };
const UNREACHABLE = new SplitterError('BrokerUnreachable', 'no answer from the broker', { retryable: true });

const pod = (token: string | undefined): PodFact => podFact('a', { token });

/** A split of one queue that its pods were told of, and whose fallback exists. */
function setUp(phase: SplitPhase, more: Partial<SplitQueue> = {}) {
  const bench = createBench();
  const queue = sqsQueue('orders', more);
  const [variable] = queue.variables;
  const split = putSplit(bench.kube, {
    phase,
    token: TOKEN,
    queues: [queue],
    environment: variable ? [{ ...variable, value: queue.fallback.name }] : [],
    resources: [{ kind: 'SqsQueue', name: queue.fallback.name, role: 'fallback', queue: 'orders', state: 'Created' }],
  });
  const steady = new Steady(() => bench.clock.monotonic());
  const observer = { brokers: bench.brokers, steady, emptyConfirmationMs: CONFIRMATION_MS };
  const look = async (seen: WorkloadSplit = split, pods = [pod(TOKEN)]): Promise<QueueFacts> => {
    const facts = (await observeQueues(observer, seen, pods, new Set(['10.0.0.1']))).get('orders');
    return facts ?? assert.fail('the queue was not observed');
  };
  return { ...bench, split, look, broker: bench.brokers[queue.kind], observer };
}

/** The forwarder fully acts on the split and says this of its queue. */
function saying(split: WorkloadSplit, state: 'Stopped' | 'Forwarding', revision = split.spec.revision): WorkloadSplit {
  const queues = [{ key: 'orders', state }];
  return { ...split, status: { forwarder: { holder: 'forwarder-1', acknowledgedRevision: revision, queues } } };
}

describe('who still reads the original', () => {
  it('is asked while the target is patched, and Kafka must say "nobody" for a second', async () => {
    const { look, clock, broker } = setUp('Patching', { kind: 'Kafka' });
    assert.equal((await look()).settled, false);
    await clock.advance(999);
    assert.equal((await look()).settled, false);
    await clock.advance(1);
    assert.deepEqual([(await look()).settled, broker.calls], [true, ['settle', 'settle', 'settle']]);
  });

  it('is asked anew from the beginning after somebody was seen', async () => {
    const { look, clock, broker } = setUp('Patching', { kind: 'Kafka' });
    await look();
    await clock.advance(1000);
    broker.settled = false;
    const busy = await look();
    assert.deepEqual([busy.settled, busy.settleMessage], [false, 'client shop-legacy at 10.0.0.9 reads']);
    broker.settled = true;
    assert.equal((await look()).settled, false);
  });

  it('is not known when the broker does not answer, and the sentence says so', async () => {
    const { look, clock, broker } = setUp('Patching', { kind: 'Kafka' });
    await look();
    await clock.advance(1000);
    broker.failure = UNREACHABLE;
    const facts = await look();
    assert.deepEqual([facts.settled, facts.settleMessage], [false, 'no answer from the broker']);
  });

  it('is not asked before every pod is patched: a foreign token is not ours', async () => {
    const { look, broker, split } = setUp('Patching');
    for (const token of [undefined, 'true', 'qs-0']) {
      assert.equal((await look(split, [pod(TOKEN), pod(token)])).settled, false);
    }
    assert.deepEqual(broker.calls, []);
  });

  it('is not asked again of a queue that is forwarded', async () => {
    const { look, broker } = setUp('Patching', { forwarding: 'Forward' });
    await look();
    assert.deepEqual(broker.calls, []);
  });
});

describe('what the target still has to read', () => {
  const drain = () => setUp('Draining', { forwarding: 'Stop' });

  it('counts as nothing after it was nothing for the time that the counts of SQS need, in every look', async () => {
    const { look, clock, split, broker } = drain();
    const quiet = saying(split, 'Stopped');
    assert.deepEqual(await look(quiet), {
      settled: false,
      settleMessage: 'the target restarts',
      remaining: 0,
      problem: undefined,
      outgrown: [],
      drained: false,
    });
    await clock.advance(59_000);
    assert.equal((await look(quiet)).drained, false);
    broker.left = 1;
    await clock.advance(1_000);
    assert.deepEqual([(await look(quiet)).drained, (await look(quiet)).remaining], [false, 1]);
    broker.left = 0;
    await look(quiet);
    await clock.advance(60_000);
    assert.equal((await look(quiet)).drained, true);
  });

  it('is never proven by a single look, however short the confirmation', async () => {
    const { look, split } = setUp('Draining', { kind: 'Kafka', forwarding: 'Stop' });
    const quiet = saying(split, 'Stopped');
    assert.deepEqual([(await look(quiet)).drained, (await look(quiet)).drained], [false, true]);
  });

  it('proves nothing while the forwarder may still write: it forwards, or has not seen the newest revision', async () => {
    const { look, clock, split } = drain();
    for (const busy of [saying(split, 'Forwarding'), saying(split, 'Stopped', split.spec.revision - 1), split]) {
      await look(busy);
      await clock.advance(60_000);
      assert.equal((await look(busy)).drained, false);
    }
  });

  it('is not known when the broker does not answer: the cause is told, and the proof is interrupted', async () => {
    const { look, clock, split, broker } = drain();
    const quiet = saying(split, 'Stopped');
    await look(quiet);
    await clock.advance(60_000);
    broker.failure = UNREACHABLE;
    const { remaining, problem, drained } = await look(quiet);
    assert.deepEqual([remaining, problem, drained], [undefined, 'no answer from the broker', false]);
    broker.failure = undefined;
    assert.equal((await look(quiet)).drained, false);
  });

  it('is asked in no phase in which nobody needs to know, nor of a fallback that does not exist', async () => {
    for (const phase of ['Preparing', 'Splitting', 'Warm', 'Abandoned'] as const) {
      const { look, broker } = setUp(phase, { forwarding: 'Forward' });
      assert.equal((await look()).remaining, undefined, phase);
      assert.deepEqual(broker.calls, [], phase);
    }
    const { look, broker, split } = drain();
    const retired = split.spec.resources.map((entry) => ({ ...entry, state: 'Retired' as const }));
    await look({ ...split, spec: { ...split.spec, resources: retired } });
    assert.deepEqual(broker.calls, []);
  });
});

it('nothing is said of a queue that no pod was told about, nor without a split', async () => {
  const { observer, split } = setUp('Patching');
  const provisional = { ...split, spec: { ...split.spec, environment: [] } };
  assert.equal((await observeQueues(observer, provisional, [], new Set())).size, 0);
  assert.equal((await observeQueues(observer, undefined, [], new Set())).size, 0);
});

it('topics that their original has outgrown are looked for while records are forwarded, among those that exist', async () => {
  for (const phase of ['Patching', 'Splitting', 'Warm'] as const) {
    const { look, broker, split } = setUp(phase, { kind: 'Kafka', forwarding: 'Forward' });
    const own = { role: 'session', queue: 'orders', session: 'alice' } as const;
    const resources: LedgerEntry[] = [
      { ...own, kind: 'KafkaTopic', name: 'mirrord-2-orders', state: 'Created' },
      { ...own, kind: 'KafkaGroup', name: 'mirrord-3-orders', state: 'Created' },
      { ...own, kind: 'KafkaTopic', name: 'mirrord-4-orders', state: 'Planned' },
    ];
    const seen = { ...split, spec: { ...split.spec, resources } };
    broker.small = ['mirrord-2-orders', 'mirrord-4-orders'];
    assert.deepEqual((await look(seen)).outgrown, ['mirrord-2-orders']);
    broker.failure = UNREACHABLE;
    assert.deepEqual((await look(seen)).outgrown, []);
  }
  const { look, split } = setUp('Draining', { kind: 'Kafka' });
  assert.deepEqual((await look(split)).outgrown, []);
});
