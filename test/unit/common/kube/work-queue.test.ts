import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { WorkQueue, type WorkResult } from '../../../../common/kube/work-queue.ts';
import { fc } from '../../../random.ts';
import { FakeClock, settled } from '../fake-clock.ts';
import { silentLog } from '../silent-log.ts';

type Run = { key: string; signal: AbortSignal; finish: (result?: WorkResult) => void; fail: (error?: Error) => void };

function setUp(concurrency = 1) {
  const clock = new FakeClock();
  const log = silentLog();
  const runs: Run[] = [];
  const queue = new WorkQueue({
    name: 'test',
    log,
    clock,
    concurrency,
    process: (key, signal) =>
      new Promise((resolve, reject) =>
        runs.push({ key, signal, finish: resolve, fail: (error = new Error('not this time')) => reject(error) }),
      ),
  });
  queue.start();
  const run = (index: number): Run => runs[index] ?? assert.fail(`there is no run ${index}`);
  return { clock, log, queue, runs, run };
}

describe('WorkQueue', () => {
  it('takes equal keys for one while they wait', async () => {
    const { queue, runs, run } = setUp();
    for (const key of ['a', 'b', 'b', 'c', 'b']) queue.add(key);
    run(0).finish();
    await settled();
    run(1).finish();
    await settled();
    run(2).finish();
    await settled();
    assert.deepEqual(
      runs.map(({ key }) => key),
      ['a', 'b', 'c'],
    );
  });

  it('processes a key that came again while it ran once more, never twice at once', async () => {
    const { queue, runs, run } = setUp(3);
    queue.add('a');
    queue.add('a');
    queue.add('a');
    assert.equal(runs.length, 1);
    run(0).finish();
    await settled();
    assert.equal(runs.length, 2);
    run(1).finish();
    await settled();
    assert.equal(runs.length, 2);
  });

  it('waits longer after each failure of a key and forgets that after a success', async () => {
    const { queue, clock, runs, run } = setUp();
    queue.add('a');
    for (const delay of [5, 10, 20, 40]) {
      run(runs.length - 1).fail();
      await settled();
      assert.deepEqual(clock.timers, [delay]);
      await clock.advance(delay);
    }
    run(runs.length - 1).finish();
    await settled();
    queue.add('a');
    run(runs.length - 1).fail();
    await settled();
    assert.deepEqual(clock.timers, [5]);
  });

  it('never waits longer than the longest delay', async () => {
    const { queue, clock, runs, run } = setUp();
    queue.add('a');
    for (let failures = 0; failures < 40; failures += 1) {
      run(runs.length - 1).fail();
      await settled();
      await clock.advance(300_000);
    }
    assert.equal(runs.length, 41);
  });

  it('keeps the earliest of several delays, and none when the key is added at once', async () => {
    const { queue, clock, runs, run } = setUp();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 200);
    queue.addAfter('a', 500);
    assert.deepEqual(clock.timers, [200]);
    await clock.advance(100);
    queue.add('a');
    assert.deepEqual(clock.timers, []);
    run(0).finish({ requeueAfterMs: 70 });
    await settled();
    assert.deepEqual(clock.timers, [70]);
    await clock.advance(70);
    assert.equal(runs.length, 2);
  });

  it('works on as many keys at once as allowed', async () => {
    const { queue, runs, run } = setUp(2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    assert.equal(runs.length, 2);
    run(1).finish();
    await settled();
    assert.deepEqual(
      runs.map(({ key }) => key),
      ['a', 'b', 'c'],
    );
  });

  it('hands out nothing after shutdown and resolves when the running work has ended', async () => {
    const { queue, clock, runs, run } = setUp();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    let drained = false;
    const shutdown = queue.shutdown().then(() => {
      drained = true;
    });
    assert.equal(run(0).signal.aborted, true);
    queue.add('d');
    await clock.advance(100);
    assert.equal(drained, false);
    run(0).fail();
    await shutdown;
    assert.equal(runs.length, 1);
    assert.deepEqual(clock.timers, []);
  });

  it('warns of a cause once, whatever comes in between, and says when it works again', async () => {
    const { log, queue, clock, runs, run } = setUp();
    const away = new SplitterError('ApiUnreachable', 'no answer', { retryable: true });
    const modified = new SplitterError('Conflict', 'modified', { retryable: true });
    queue.add('a');
    for (const error of [away, away, modified, away, new SplitterError('PermissionDenied', 'not allowed')]) {
      run(runs.length - 1).fail(error);
      await settled();
      await clock.advance(1000);
    }
    run(runs.length - 1).finish();
    await settled();
    assert.deepEqual(
      log.entries.map(({ level, message }) => `${level} ${message}`),
      [
        'warn processing failed and is tried again until it works',
        'debug processing failed again',
        'debug somebody else was faster; decided again',
        'debug processing failed again',
        'warn processing failed and is tried again until it works',
        'info works again',
      ],
    );
    assert.deepEqual(log.entries.at(-1)?.facts, { queue: 'test', key: 'a', failures: 5 });
  });

  it('warns nobody of lost races, unless they do not end', async () => {
    const { log, queue, clock, runs, run } = setUp();
    queue.add('a');
    for (let count = 0; count < 6; count += 1) {
      run(runs.length - 1).fail(new SplitterError('Conflict', 'modified', { retryable: true }));
      await settled();
      await clock.advance(1000);
    }
    assert.deepEqual(
      log.entries.map(({ level }) => level),
      ['debug', 'debug', 'debug', 'debug', 'warn', 'debug'],
    );
  });

  it('processes every key after its last add, and none twice at once, whatever happens', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean(), advanceMs: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const clock = new FakeClock();
          const running = new Set<string>();
          const open = new Set<string>();
          let failures = 0;
          const queue = new WorkQueue({
            name: 'property',
            log: silentLog(),
            clock,
            concurrency,
            process: async (key) => {
              assert.ok(!running.has(key), `${key} is processed twice at once`);
              running.add(key);
              assert.ok(running.size <= concurrency);
              open.delete(key);
              await settled();
              running.delete(key);
              if (failures > 0) {
                failures -= 1;
                open.add(key);
                throw new Error('not this time');
              }
              return undefined;
            },
          });
          queue.start();
          for (const { key, fails, advanceMs } of steps) {
            if (fails) failures += 1;
            open.add(key);
            queue.add(key);
            await clock.advance(advanceMs);
          }
          while (running.size > 0 || open.size > 0) await clock.advance(300_000);
          await queue.shutdown();
        },
      ),
      { numRuns: 100 },
    );
  });
});
