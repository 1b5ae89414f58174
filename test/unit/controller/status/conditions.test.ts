import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Condition } from '../../../../api/kinds/common.ts';
import { withConditions } from '../../../../controller/status/conditions.ts';

const EARLIER = '2026-01-01T00:00:00.000Z';
const NOW = Date.UTC(2026, 0, 2);
const READY: Condition = {
  type: 'Ready',
  status: 'False',
  reason: 'Pending',
  message: 'accepted',
  lastTransitionTime: EARLIER,
  observedGeneration: 1,
};
const wanted = (status: boolean, message = 'accepted') => [{ type: 'Ready', status, reason: 'Pending', message }];

describe('a condition', () => {
  it('has its time when its status changes, and keeps it while only the sentence does', () => {
    const [same] = withConditions([READY], wanted(false, 'creating queues'), { generation: 1 }, NOW);
    assert.deepEqual(same, { ...READY, message: 'creating queues' });
    const [changed] = withConditions([READY], wanted(true), { generation: 1 }, NOW);
    assert.deepEqual(changed, { ...READY, status: 'True', lastTransitionTime: '2026-01-02T00:00:00.000Z' });
  });

  it('says of which generation it speaks', () => {
    assert.equal(withConditions([READY], wanted(false), { generation: 4 }, NOW)[0]?.observedGeneration, 4);
    assert.equal('observedGeneration' in (withConditions([], wanted(false), {}, NOW)[0] ?? {}), false);
  });

  it('that nobody spoke of now stays, in its place', () => {
    const other: Condition = { ...READY, type: 'RouteRemoved' };
    const after = withConditions(
      [other, READY],
      [...wanted(true), { ...wanted(true)[0], type: 'New' } as never],
      {},
      NOW,
    );
    assert.deepEqual(
      after.map(({ type, status }) => `${type} ${status}`),
      ['RouteRemoved False', 'Ready True', 'New True'],
    );
  });

  it('is never longer than the API server takes', () => {
    const [condition] = withConditions([], wanted(false, 'x'.repeat(40_000)), {}, NOW);
    assert.equal(condition?.message.length, 32_768);
  });
});
