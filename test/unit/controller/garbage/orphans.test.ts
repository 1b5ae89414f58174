import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../../../common/kube/lease.ts';
import { type Orphan, Patience } from '../../../../controller/garbage/orphans.ts';

const QUEUE: Orphan = {
  key: 'queue',
  kind: 'SqsQueue',
  queue: { name: 'mirrord-1', url: 'https://sqs/mirrord-1', connection: {}, splitUid: 'gone', original: undefined },
};
const CLAIM: Orphan = { key: 'claim', kind: 'Claim', claim: {} as Lease };

test('what a forwarder may send to waits until one that is cut off would be seen to be silent, however short the grace', () => {
  const patience = new Patience(6_000);
  const due = (nowMs: number) => patience.due([QUEUE, CLAIM], nowMs).map(({ key }) => key);
  assert.deepEqual(due(0), []);
  assert.deepEqual(due(6_000), ['claim']);
  assert.deepEqual(due(19_999), ['claim']);
  assert.deepEqual(due(20_000), ['queue', 'claim']);
});

test('who was away for a moment begins anew', () => {
  const patience = new Patience(30_000);
  patience.due([QUEUE], 0);
  patience.due([], 10_000);
  assert.deepEqual(patience.due([QUEUE], 30_000), []);
  assert.deepEqual(patience.due([QUEUE], 60_000), [QUEUE]);
});
