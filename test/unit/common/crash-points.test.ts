// The text of the environment variable; what a point does is proved by the broker tests that die there.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crashPoint, parseCrashPoint } from '../../../common/crash-points.ts';

describe('crash points', () => {
  it('are named with the hit at which the process dies', () => {
    assert.deepEqual(parseCrashPoint('sqs.before-send:7'), { name: 'sqs.before-send', hit: 7 });
    assert.deepEqual(parseCrashPoint('sqs.before-send'), { name: 'sqs.before-send', hit: 1 });
  });

  it('may let the process stand still instead', () => {
    const expected = { name: 'sqs.before-send', hit: 7, standStillMs: 30_000 };
    assert.deepEqual(parseCrashPoint('sqs.before-send:7:30000'), expected);
  });

  it('are off when nothing readable is set', () => {
    for (const text of [undefined, '', 'a:b:c', ':3']) assert.equal(parseCrashPoint(text), undefined);
  });

  it('do nothing in production', () => {
    crashPoint('sqs.before-send');
  });
});
