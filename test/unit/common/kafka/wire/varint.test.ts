import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  readVarint,
  readVarlong,
  sizeOfVarint,
  sizeOfVarlong,
  writeVarint,
  writeVarlong,
} from '../../../../../common/kafka/wire/varint.ts';
import { fc } from '../../../../random.ts';

it('every 32-bit number survives, in the size that was told', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
      const buffer = Buffer.alloc(5);
      assert.equal(writeVarint(buffer, 0, value), sizeOfVarint(value));
      const cursor = { buffer, position: 0 };
      assert.equal(readVarint(cursor), value);
      assert.equal(cursor.position, sizeOfVarint(value));
    }),
  );
});

it('every 64-bit number survives, in the size that was told', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const buffer = Buffer.alloc(10);
      assert.equal(writeVarlong(buffer, 0, value), sizeOfVarlong(value));
      assert.equal(readVarlong({ buffer, position: 0 }), value);
    }),
  );
});

it('writes what Kafka writes', () => {
  const bytes = (value: bigint) => {
    const buffer = Buffer.alloc(10);
    return buffer.subarray(0, writeVarlong(buffer, 0, value)).toString('hex');
  };
  // From ByteUtilsTest of Apache Kafka.
  assert.equal(bytes(0n), '00');
  assert.equal(bytes(-1n), '01');
  assert.equal(bytes(1n), '02');
  assert.equal(bytes(63n), '7e');
  assert.equal(bytes(-64n), '7f');
  assert.equal(bytes(64n), '8001');
  assert.equal(bytes(2n ** 63n - 1n), 'feffffffffffffffff01');
  assert.equal(bytes(-(2n ** 63n)), 'ffffffffffffffffff01');
});

it('refuses numbers that end too late or too early', () => {
  assert.throws(() => readVarint({ buffer: Buffer.alloc(6, 0xff), position: 0 }), RangeError);
  assert.throws(() => readVarlong({ buffer: Buffer.alloc(11, 0xff), position: 0 }), RangeError);
  assert.throws(() => readVarint({ buffer: Buffer.from([0x80]), position: 0 }), RangeError);
});
