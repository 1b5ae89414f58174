import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { Failures } from '../../../../controller/act/failures.ts';
import { silentLog } from '../../common/silent-log.ts';

const RETRYABLE = new SplitterError('BrokerUnreachable', 'no answer', { retryable: true });
const FINAL = new SplitterError('PermissionDenied', 'not allowed');

function setUp() {
  const clock = { now: 1_000 };
  const log = silentLog();
  const failures = new Failures(() => clock.now, log);
  const fail = (error: unknown): Promise<unknown> => failures.attempt('split', 'queue', () => Promise.reject(error));
  return { clock, log, failures, fail };
}

describe('Failures', () => {
  it('pauses longer after each failure, up to a limit, and knows since when it fails', async () => {
    const { clock, failures, fail } = setUp();
    const pauses: number[] = [];
    for (let times = 0; times < 6; times += 1) {
      await fail(RETRYABLE);
      const failure = failures.of('split').get('queue');
      pauses.push(failure?.retryInMs ?? 0);
      assert.equal(failure?.forMs, times * 100);
      clock.now += 100;
    }
    assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  it('tells how long a pause still is, and of one that is over', async () => {
    const { clock, failures, fail } = setUp();
    await fail(RETRYABLE);
    const pause = () => failures.of('split').get('queue')?.retryInMs;
    clock.now += 400;
    assert.equal(pause(), 600);
    clock.now += 700;
    assert.equal(pause(), -100);
  });

  it('tries again even what will hardly succeed, for permissions change', async () => {
    const { failures, fail } = setUp();
    await fail(FINAL);
    const failure = failures.of('split').get('queue');
    assert.deepEqual([failure?.code, failure?.retryable], ['PermissionDenied', false]);
    assert.equal(failure?.retryInMs, 60_000);
  });

  it('forgets with the first success, and begins anew after it', async () => {
    const { failures, fail } = setUp();
    await fail(RETRYABLE);
    await fail(RETRYABLE);
    assert.equal(await failures.attempt('split', 'queue', async () => 'done'), 'done');
    assert.equal(failures.of('split').size, 0);
    await fail(RETRYABLE);
    assert.equal(failures.of('split').get('queue')?.retryInMs, 1000);
  });

  it('keeps splits apart and logs the cause', async () => {
    const { failures, fail, log } = setUp();
    await fail(FINAL);
    assert.equal(failures.of('another').size, 0);
    assert.deepEqual(
      log.entries.map(({ level, message }) => [level, message]),
      [['warn', 'failed and is tried again until it works']],
    );
    failures.forget('split');
    assert.equal(failures.of('split').size, 0);
  });

  it('warns of a cause once, and says when it works again', async () => {
    const { failures, fail, log } = setUp();
    const lines = (): string[] => log.entries.map(({ level, message }) => `${level} ${message}`);
    await fail(RETRYABLE);
    await fail(RETRYABLE);
    await fail(FINAL);
    await failures.attempt('split', 'queue', async () => 'done');
    await failures.attempt('split', 'queue', async () => 'done');
    assert.deepEqual(lines(), [
      'warn failed and is tried again until it works',
      'debug failed again',
      'warn failed and is tried again until it works',
      'info works again',
    ]);
  });

  it('warns nobody of a lost race', async () => {
    const { failures, fail, log } = setUp();
    await fail(new SplitterError('Conflict', 'modified', { retryable: true }));
    await failures.attempt('split', 'queue', async () => 'done');
    assert.deepEqual(
      log.entries.map(({ level }) => level),
      ['debug'],
    );
  });
});
