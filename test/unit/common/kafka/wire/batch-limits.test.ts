import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BatchLimits } from '../../../../../common/kafka/wire/batch-limits.ts';
import { cutBatches, type OutgoingRecord } from '../../../../../common/kafka/wire/produce.ts';

const record: OutgoingRecord = { timestamp: 0n, body: Buffer.alloc(1000), codec: 0 };

it('halves the batches of the topic that refused one, in the end single compressed records', () => {
  const limits = new BatchLimits();
  const records = Array.from({ length: 8 }, () => record);
  const sizes: number[] = [];
  while (!limits.of('orders').squeeze) {
    const [first = []] = cutBatches(records, limits.of('orders').bytes);
    sizes.push(first.length);
    limits.refuse('orders', first);
  }
  assert.deepEqual([...new Set(sizes)], [8, 6, 3, 1]);
  assert.deepEqual(limits.of('payments'), { bytes: 900_000, squeeze: false });
});
