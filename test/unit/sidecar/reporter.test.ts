// One write at a time, always followed by another one when the value has changed since it began; again after a failure.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reporter } from '../../../sidecar/reporter.ts';
import { FakeClock, settled } from '../common/fake-clock.ts';

/** Writes that the test ends, and the value that each began with. */
function setUp() {
  const clock = new FakeClock();
  const written: number[] = [];
  const writes: PromiseWithResolvers<void>[] = [];
  const state = { value: 0 };
  const reporter = new Reporter({
    write: () => {
      written.push(state.value);
      const write = Promise.withResolvers<void>();
      writes.push(write);
      return write.promise;
    },
    clock,
    random: () => 1,
  });
  const change = () => {
    state.value += 1;
    reporter.mark();
  };
  return { clock, reporter, written, writes, change };
}

describe('Reporter', () => {
  it('writes the newest value once more when it has changed during a write', async () => {
    const { written, writes, change } = setUp();
    change();
    change();
    change();
    assert.deepEqual(written, [1]);
    writes[0]?.resolve();
    await settled();
    assert.deepEqual(written, [1, 3]);
    writes[1]?.resolve();
    await settled();
    assert.deepEqual(written, [1, 3]);
  });

  it('misses no change, at whatever moment around the end of a write it comes', async () => {
    for (let moments = 0; moments < 12; moments += 1) {
      const { written, writes, change } = setUp();
      change();
      writes[0]?.resolve();
      for (let moment = 0; moment < moments; moment += 1) await undefined;
      change();
      await settled();
      assert.deepEqual(written, [1, 2], `a change ${moments} microtasks after the end of the write`);
    }
  });

  it('tries again after a pause when a write fails', async () => {
    const { clock, written, writes, change } = setUp();
    change();
    writes[0]?.reject(new Error('no'));
    await settled();
    assert.deepEqual(written, [1]);
    await clock.advance(200);
    assert.deepEqual(written, [1, 1]);
  });

  it('waits at its stop for the write under way and begins none', async () => {
    const { reporter, written, writes, change } = setUp();
    change();
    let stopped = false;
    void reporter.stop().then(() => {
      stopped = true;
    });
    change();
    await settled();
    assert.equal(stopped, false);
    writes[0]?.resolve();
    await settled();
    assert.equal(stopped, true);
    change();
    await settled();
    assert.deepEqual(written, [1]);
  });
});
