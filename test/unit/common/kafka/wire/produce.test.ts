import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cutBatches, type OutgoingRecord } from '../../../../../common/kafka/wire/produce.ts';

const record = (bytes: number, codec = 0): OutgoingRecord => ({ timestamp: 0n, body: Buffer.alloc(bytes), codec });
const sizes = (batches: OutgoingRecord[][]) => batches.map((batch) => batch.map(({ body }) => body.length));

it('fills batches up to the limit, in order', () => {
  assert.deepEqual(sizes(cutBatches([record(400), record(401), record(402)], 1000)), [[400, 401], [402]]);
});

it('gives a record that is too large a batch of its own', () => {
  assert.deepEqual(sizes(cutBatches([record(1), record(5000), record(2)], 1000)), [[1], [5000], [2]]);
});

it('begins a new batch when the codec changes', () => {
  assert.deepEqual(sizes(cutBatches([record(1, 0), record(2, 2), record(3, 2)], 1000)), [[1], [2, 3]]);
});

it('makes nothing of nothing', () => {
  assert.deepEqual(cutBatches([], 1000), []);
});
