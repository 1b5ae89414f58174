// Nagle's rule for batches: when calls go out, what they hold, what happens after failures.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { Batcher } from '../../../../sidecar/sqs/batcher.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';

function setUp(maxConcurrent = 4) {
  const clock = new FakeClock();
  const calls: { batch: number[]; answer: (again: number[]) => void; fail: (error: unknown) => void }[] = [];
  const outcomes: (string | undefined)[] = [];
  const batcher = new Batcher<number>({
    sizeOf: (item) => item,
    maxConcurrent,
    send: (batch) => {
      const { promise, resolve, reject } = Promise.withResolvers<number[]>();
      calls.push({ batch, answer: resolve, fail: reject });
      return promise;
    },
    onOutcome: (problem) => outcomes.push(problem?.code),
    clock,
    random: () => 1,
    retryBaseMs: 100,
    retryMaxMs: 400,
  });
  const add = (...items: number[]) => {
    for (const item of items) batcher.add(item);
  };
  const batches = () => calls.map((call) => call.batch);
  return { clock, calls, outcomes, batcher, add, batches };
}

describe('Batcher', () => {
  it('sends the first item at once and lets later ones wait for company', async () => {
    const { add, calls, batches } = setUp();
    add(1, 2, 3, 4);
    assert.deepEqual(batches(), [[1], [2]]);
    calls[0]?.answer([]);
    await settled();
    assert.deepEqual(batches(), [[1], [2], [3, 4]]);
  });

  it('sends a full batch at once, as long as calls are left', () => {
    const { add, batches } = setUp(3);
    add(...Array.from({ length: 40 }, (_, index) => index));
    assert.deepEqual(
      batches().map((batch) => batch.length),
      [1, 1, 10],
    );
  });

  it('counts a batch as full when the next item would be too large for it', () => {
    const { add, batches } = setUp();
    add(1, 2, 1_000_000, 100_000);
    assert.deepEqual(batches(), [[1], [2], [1_000_000]]);
  });

  it('keeps what shall be tried again in front', async () => {
    const { add, calls, batches } = setUp(1);
    add(1, 2, 3);
    calls[0]?.answer([]);
    await settled();
    calls[1]?.answer([2]);
    add(4);
    await settled();
    assert.deepEqual(batches(), [[1], [2, 3], [2, 4]]);
  });

  it('rests after a failed call, longer each time, and starts from the beginning after a success', async () => {
    const { add, calls, batches, clock, outcomes, batcher } = setUp(1);
    const error = new SplitterError('BrokerUnreachable', 'away', { retryable: true });
    add(1);
    calls[0]?.fail(error);
    await settled();
    assert.equal(batcher.failures, 1);
    await clock.advance(99);
    assert.equal(calls.length, 1);
    await clock.advance(1);
    calls[1]?.fail(error);
    await settled();
    await clock.advance(199);
    assert.equal(calls.length, 2);
    await clock.advance(1);
    calls[2]?.answer([]);
    await settled();
    assert.deepEqual(batches(), [[1], [1], [1]]);
    assert.deepEqual(outcomes, ['BrokerUnreachable', 'BrokerUnreachable', undefined]);
    assert.equal(batcher.failures, 0);
  });

  it('is idle when nothing waits and nothing is under way', async () => {
    const { add, calls, batcher } = setUp();
    add(1);
    let idle = false;
    void batcher.idle().then(() => {
      idle = true;
    });
    await settled();
    assert.equal(idle, false);
    calls[0]?.answer([]);
    await settled();
    assert.equal(idle, true);
  });

  it('stops: no new call, waits for those under way, returns what was not sent or came back', async () => {
    const { add, calls, batcher } = setUp(1);
    add(1, 2, 3);
    const stopped = batcher.stop();
    await settled();
    calls[0]?.answer([1]);
    assert.deepEqual(await stopped, [1, 2, 3]);
    add(4);
    assert.equal(calls.length, 1);
  });
});
