import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c } from '@platformatic/kafka';
import { readCommitted } from '../../../../../common/kafka/wire/read-committed.ts';
import { readContent, writeBatch, writeContent } from '../../../../../common/kafka/wire/record-batch.ts';

const CONTROL = 1 << 5;

/** A stored batch: as written, with the offset that the broker gave it. */
function stored(
  baseOffset: bigint,
  values: string[],
  options: { producerId?: bigint; flags?: number; lastDelta?: number } = {},
): Buffer {
  const records = values.map((value) => ({
    timestamp: 0n,
    body: writeContent({ key: null, value: Buffer.from(value), headers: [] }),
  }));
  const batch = writeBatch(records, {
    codec: 0,
    producerId: options.producerId ?? 1n,
    producerEpoch: 0,
    baseSequence: 0,
  });
  batch.writeBigInt64BE(baseOffset, 0);
  batch.writeInt32BE(4, 12);
  batch.writeInt16BE(batch.readInt16BE(21) | (options.flags ?? 0), 21);
  if (options.lastDelta !== undefined) batch.writeInt32BE(options.lastDelta, 23);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

const marker = (offset: bigint, producerId: bigint) => stored(offset, ['marker'], { producerId, flags: CONTROL });

function read(batches: Buffer[], position: bigint, aborted: [producerId: bigint, firstOffset: bigint][] = []) {
  const { records, next, leaderEpoch } = readCommitted(
    {
      stored: Buffer.concat(batches),
      aborted: aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset })),
    },
    position,
  );
  const values = records.map(({ offset, body }) => `${offset}=${readContent(body).value?.toString()}`);
  return { values, next, leaderEpoch };
}

describe('readCommitted', () => {
  it('skips what lies before the position inside a batch', () => {
    assert.deepEqual(read([stored(0n, ['a', 'b', 'c', 'd'])], 2n), {
      values: ['2=c', '3=d'],
      next: 4n,
      leaderEpoch: 4,
    });
  });

  it('drops markers and moves on behind them', () => {
    assert.deepEqual(read([stored(0n, ['a']), marker(1n, 1n)], 0n), { values: ['0=a'], next: 2n, leaderEpoch: 4 });
  });

  it('drops an aborted transaction and keeps the next one of the same producer', () => {
    const log = [stored(0n, ['bad']), marker(1n, 1n), stored(2n, ['good']), marker(3n, 1n)];
    assert.deepEqual(read(log, 0n, [[1n, 0n]]).values, ['2=good']);
  });

  it('tells producers apart whose transactions overlap', () => {
    const log = [
      stored(0n, ['a'], { producerId: 1n }),
      stored(1n, ['b'], { producerId: 2n }),
      stored(2n, ['c'], { producerId: 1n }),
      marker(3n, 2n),
      marker(4n, 1n),
      stored(5n, ['d'], { producerId: 2n }),
    ];
    assert.deepEqual(read(log, 0n, [[2n, 1n]]).values, ['0=a', '2=c', '5=d']);
  });

  it('does not need the list in order', () => {
    const log = [stored(0n, ['a'], { producerId: 1n }), stored(1n, ['b'], { producerId: 2n })];
    assert.deepEqual(
      read(log, 0n, [
        [2n, 1n],
        [1n, 0n],
      ]).values,
      [],
    );
  });

  it('begins in the middle of an aborted transaction', () => {
    const log = [stored(4n, ['late part']), marker(5n, 1n)];
    assert.deepEqual(read(log, 4n, [[1n, 0n]]), { values: [], next: 6n, leaderEpoch: 4 });
  });

  it('moves over what compaction removed at the end of a batch', () => {
    assert.deepEqual(read([stored(0n, ['a'], { lastDelta: 9 })], 0n).next, 10n);
  });

  it('stays where it is when nothing came', () => {
    assert.deepEqual(read([], 5n), { values: [], next: 5n, leaderEpoch: -1 });
  });
});
