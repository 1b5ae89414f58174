import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBackoff } from '../../../../common/kube/backoff.ts';

describe('createBackoff', () => {
  const delays = (random: () => number) => {
    const backoff = createBackoff({ baseMs: 100, maxMs: 500, random });
    const first = [1, 2, 3, 4, 5].map(() => backoff.next());
    backoff.reset();
    return [...first, backoff.next()];
  };

  it('doubles up to the limit and begins again after a success', () => {
    assert.deepEqual(
      delays(() => 1),
      [100, 200, 400, 500, 500, 100],
    );
  });

  it('takes off up to half by chance', () => {
    assert.deepEqual(
      delays(() => 0),
      [50, 100, 200, 250, 250, 50],
    );
  });
});
