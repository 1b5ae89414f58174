import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pause, systemClock } from '../../../common/clock.ts';
import { FakeClock } from './fake-clock.ts';

describe('pause', () => {
  it('ends after its time', async () => {
    const clock = new FakeClock();
    let ended = false;
    const paused = pause(clock, 1_000).then(() => {
      ended = true;
    });
    await clock.advance(999);
    assert.equal(ended, false);
    await clock.advance(1);
    await paused;
  });

  it('ends at once when the signal aborts, and leaves no timer', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const paused = pause(clock, 1_000, stop.signal);
    stop.abort();
    await paused;
    await pause(clock, 1_000, stop.signal);
    assert.deepEqual(clock.timers, []);
  });
});

describe('systemClock', () => {
  it('calls back, unless cancelled', async () => {
    const called: string[] = [];
    systemClock.after(0, () => called.push('cancelled'))();
    await new Promise<void>((resolve) => systemClock.after(1, resolve));
    assert.deepEqual(called, []);
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
  });
});
