import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SplitQueue } from '../../../../api/kinds/workload-split.ts';
import { transactionalIds } from '../../../../common/kafka/transactional-ids.ts';

const queue = (fields: Partial<SplitQueue>): SplitQueue => ({
  key: 'orders',
  id: 'orders',
  kind: 'Kafka',
  connection: {},
  variables: [],
  groupVariables: [],
  original: { name: 'orders' },
  fallback: { name: 'fallback' },
  routes: [],
  forwarding: 'Hold',
  ...fields,
});

it('has one id for each producer', () => {
  assert.deepEqual(transactionalIds(queue({ transactionalIdPrefix: 'p', producers: 3 })), ['p-0', 'p-1', 'p-2']);
  assert.deepEqual(transactionalIds(queue({ transactionalIdPrefix: 'p' })), ['p-0']);
});

it('refuses a queue without a prefix: nobody could be fenced by such ids', () => {
  assert.throws(() => transactionalIds(queue({})), /transactionalIdPrefix/);
});
