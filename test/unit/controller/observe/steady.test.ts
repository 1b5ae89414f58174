import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Steady } from '../../../../controller/observe/steady.ts';

function setUp() {
  const clock = { ms: 1000 };
  return { clock, steady: new Steady(() => clock.ms) };
}

describe('Steady', () => {
  it('counts how often and how long a fact has held without interruption', () => {
    const { clock, steady } = setUp();
    assert.deepEqual(steady.note('split empty', true), { forMs: 0, times: 1 });
    clock.ms += 700;
    assert.deepEqual(steady.note('split empty', true), { forMs: 700, times: 2 });
    assert.deepEqual(steady.note('split empty', false), { forMs: 0, times: 0 });
    clock.ms += 700;
    assert.deepEqual(steady.note('split empty', true), { forMs: 0, times: 1 });
  });

  it('keeps facts apart', () => {
    const { clock, steady } = setUp();
    steady.note('one', true);
    clock.ms += 700;
    assert.equal(steady.note('other', true).forMs, 0);
  });

  it('remembers who was there, and knows who is not there now', () => {
    const { steady } = setUp();
    assert.deepEqual([...steady.departed('split addresses', ['10.0.0.1', '10.0.0.2'])], []);
    assert.deepEqual([...steady.departed('split addresses', ['10.0.0.3'])], ['10.0.0.1', '10.0.0.2']);
    // An address that is used again belongs to the living.
    assert.deepEqual([...steady.departed('split addresses', ['10.0.0.1'])], ['10.0.0.2', '10.0.0.3']);
  });

  it('forgets everything of one split, and nothing of another', () => {
    const { clock, steady } = setUp();
    steady.note('uid-1 empty', true);
    steady.note('uid-2 empty', true);
    steady.departed('uid-1 addresses', ['10.0.0.1']);
    steady.forget('uid-1');
    clock.ms += 500;
    assert.equal(steady.note('uid-1 empty', true).forMs, 0);
    assert.equal(steady.note('uid-2 empty', true).forMs, 500);
    assert.deepEqual([...steady.departed('uid-1 addresses', [])], []);
  });
});
