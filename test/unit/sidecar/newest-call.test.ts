import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NewestCall } from '../../../sidecar/newest-call.ts';
import { settled } from '../common/fake-clock.ts';

/** Work that notes when it began, and ends when it is told to or when its signal is aborted. */
function work(log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return {
    finish: resolve,
    fail: reject,
    run: async (signal: AbortSignal) => {
      log.push(`${name} begins${signal.aborted ? ' aborted' : ''}`);
      signal.addEventListener('abort', () => log.push(`${name} is told to end`));
      await promise;
      log.push(`${name} ends`);
    },
  };
}

describe('NewestCall', () => {
  it('tells the call before it to end, waits for that, and runs', async () => {
    const log: string[] = [];
    const calls = new NewestCall();
    const [one, two] = [work(log, 'one'), work(log, 'two')];
    const first = calls.run(one.run);
    await settled();
    const second = calls.run(two.run);
    await settled();
    assert.deepEqual(log, ['one begins', 'one is told to end']);
    one.finish();
    await first;
    await settled();
    two.finish();
    await second;
    assert.deepEqual(log.slice(2), ['one ends', 'two begins', 'two ends']);
  });

  it('begins calls that were superseded while they waited, with their signal aborted', async () => {
    const log: string[] = [];
    const calls = new NewestCall();
    const all = ['one', 'two', 'three'].map((name) => work(log, name));
    const runs = all.map(({ run }) => calls.run(run));
    for (const { finish } of all) finish();
    await Promise.all(runs);
    assert.deepEqual(
      log.filter((line) => line.includes('begins')),
      ['one begins aborted', 'two begins aborted', 'three begins'],
    );
  });

  it('rejects as the work does, and the next call runs all the same', async () => {
    const log: string[] = [];
    const calls = new NewestCall();
    const [one, two] = [work(log, 'one'), work(log, 'two')];
    const first = calls.run(one.run);
    one.fail(new Error('no'));
    await assert.rejects(first, /no/);
    two.finish();
    await calls.run(two.run);
    assert.equal(log.at(-1), 'two ends');
  });

  it('closes by telling the running call to end and waiting for it; later calls begin aborted', async () => {
    const log: string[] = [];
    const calls = new NewestCall();
    const [one, two] = [work(log, 'one'), work(log, 'two')];
    void calls.run(one.run);
    await settled();
    const closed = calls.close().then(() => log.push('closed'));
    await settled();
    assert.deepEqual(log, ['one begins', 'one is told to end']);
    one.finish();
    await closed;
    assert.deepEqual(log.slice(2), ['one ends', 'closed']);
    two.finish();
    await calls.run(two.run);
    assert.ok(log.includes('two begins aborted'));
    assert.ok(calls.closed.aborted);
  });
});
