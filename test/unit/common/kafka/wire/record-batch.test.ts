import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../../common/errors.ts';
import {
  readBatches,
  readContent,
  readHeaders,
  writeBatch,
  writeContent,
} from '../../../../../common/kafka/wire/record-batch.ts';
import { fc } from '../../../../random.ts';

const OPTIONS = { codec: 0, producerId: 7n, producerEpoch: 3, baseSequence: 5 };

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const header = fc.record({ key: bytes, value: fc.option(bytes) }, { noNullPrototype: true });
const content = fc.record(
  { key: fc.option(bytes), value: fc.option(bytes), headers: fc.array(header, { maxLength: 5 }) },
  { noNullPrototype: true },
);
const timestamp = fc.oneof(
  fc.constant(-1n),
  fc.bigInt({ min: 0n, max: 2n ** 42n }),
  fc.bigInt({ min: 0n, max: 2n ** 62n }),
);

const body = (value: string) => writeContent({ key: null, value: Buffer.from(value), headers: [] });

describe('record batches', () => {
  it('any records survive with any codec', () => {
    const records = fc.array(fc.tuple(timestamp, content), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(records, fc.integer({ min: 0, max: 4 }), (wanted, codec) => {
        const batch = writeBatch(
          wanted.map(([time, fields]) => ({ timestamp: time, body: writeContent(fields) })),
          { ...OPTIONS, codec },
        );
        const [read, ...rest] = readBatches(batch);
        assert.ok(read);
        assert.equal(rest.length, 0);
        const found = read.records();
        assert.deepEqual(
          found.map((record) => [record.timestamp, readContent(record.body)]),
          wanted,
        );
        assert.deepEqual(
          found.map(({ offset }) => offset),
          wanted.map((_, index) => BigInt(index)),
        );
        for (const record of found) assert.deepEqual(readHeaders(record.body), readContent(record.body).headers);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps timestamps that lie more than 24.8 days apart', () => {
    const times = [1_700_000_000_000n, 1_700_000_000_000n + 30n * 86_400_000n, 1_000_000_000_000n, -1n];
    const batch = writeBatch(
      times.map((time) => ({ timestamp: time, body: body('x') })),
      OPTIONS,
    );
    assert.deepEqual(
      readBatches(batch)[0]
        ?.records()
        .map((record) => record.timestamp),
      times,
    );
    assert.equal(batch.readBigInt64BE(35), times[1], 'max timestamp');
  });

  it('writes producer, epoch, sequence, the transactional bit and dense offsets', () => {
    const batch = writeBatch(
      [1n, 2n].map((time) => ({ timestamp: time, body: body('x') })),
      OPTIONS,
    );
    assert.equal(batch.readBigInt64BE(0), 0n);
    assert.equal(batch.readInt16BE(21), 1 << 4);
    assert.equal(batch.readInt32BE(23), 1);
    assert.equal(batch.readBigInt64BE(43), 7n);
    assert.equal(batch.readInt16BE(51), 3);
    assert.equal(batch.readInt32BE(53), 5);
    assert.equal(batch.readInt32BE(57), 2);
  });

  it('leaves a batch that is cut off for the next fetch', () => {
    const whole = writeBatch([{ timestamp: 1n, body: body('whole') }], OPTIONS);
    const cut = Buffer.concat([whole, whole.subarray(0, whole.length - 1)]);
    assert.equal(readBatches(cut).length, 1);
    assert.equal(readBatches(whole.subarray(0, 20)).length, 0);
  });

  it('reads the time of arrival of a LogAppendTime batch for every record', () => {
    const batch = writeBatch(
      [1n, 2n].map((time) => ({ timestamp: time, body: body('x') })),
      OPTIONS,
    );
    batch.writeInt16BE(batch.readInt16BE(21) | (1 << 3), 21);
    batch.writeBigInt64BE(99n, 35);
    const [read] = readBatches(sealed(batch));
    assert.deepEqual(
      read?.records().map((record) => record.timestamp),
      [99n, 99n],
    );
  });

  it('never passes on what was damaged on the way', () => {
    const batch = writeBatch([{ timestamp: 1n, body: body('x') }], OPTIONS);
    batch[batch.length - 2] = 0x7a;
    assert.throws(
      () => readBatches(batch),
      (error: unknown) => error instanceof SplitterError && error.retryable,
    );
  });

  it('refuses the formats of Kafka before 0.11 with a reason', () => {
    const batch = writeBatch([{ timestamp: 1n, body: body('x') }], OPTIONS);
    batch.writeInt8(1, 16);
    assert.throws(() => readBatches(batch), /message format v1/);
  });
});

/** With the checksum of what it now holds. */
function sealed(batch: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of batch.subarray(21)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  batch.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 17);
  return batch;
}
