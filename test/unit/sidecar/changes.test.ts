import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Changes } from '../../../sidecar/changes.ts';
import { settled } from '../common/fake-clock.ts';

describe('Changes', () => {
  it('resolves at once when the condition holds', async () => {
    assert.equal(await new Changes().until(() => true), true);
  });

  it('looks again at every change, and only then', async () => {
    const changes = new Changes();
    let value = 0;
    let looks = 0;
    const waited = changes.until(() => {
      looks += 1;
      return value === 2;
    });
    value = 1;
    changes.notify();
    await settled();
    assert.equal(looks, 2);
    value = 2;
    changes.notify();
    assert.equal(await waited, true);
    assert.equal(looks, 3);
  });

  it('says false when the signal comes first, also when it came before', async () => {
    const changes = new Changes();
    const abort = new AbortController();
    const waited = changes.until(() => false, abort.signal);
    abort.abort();
    assert.equal(await waited, false);
    assert.equal(await changes.until(() => false, abort.signal), false);
  });
});
