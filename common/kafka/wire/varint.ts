// Zigzag variable-length integers of Kafka's record format. Own code because the library's encoder corrupts 64-bit values beyond
// 31 bits: two timestamps 25 days apart in one batch came out wrong (@platformatic/dynamic-buffer 0.3.1).

/** Reads on from a position; a plain cursor, so that decoding a million records makes no garbage. */
export type Cursor = { readonly buffer: Buffer; position: number };

const SEVEN_BITS = 0x7f;
const MORE = 0x80;

export function readVarint(cursor: Cursor): number {
  let result = 0;
  let shift = 0;
  for (;;) {
    const byte = nextByte(cursor);
    result |= (byte & SEVEN_BITS) << shift;
    if (byte < MORE) return (result >>> 1) ^ -(result & 1);
    shift += 7;
    if (shift > 28) throw new RangeError('a 32-bit varint is longer than 5 bytes');
  }
}

export function readVarlong(cursor: Cursor): bigint {
  let result = 0n;
  let shift = 0n;
  for (;;) {
    const byte = nextByte(cursor);
    result |= BigInt(byte & SEVEN_BITS) << shift;
    if (byte < MORE) return BigInt.asIntN(64, (result >> 1n) ^ -(result & 1n));
    shift += 7n;
    if (shift > 63n) throw new RangeError('a 64-bit varint is longer than 10 bytes');
  }
}

export function sizeOfVarint(value: number): number {
  return sizeOfUnsigned(((value << 1) ^ (value >> 31)) >>> 0);
}

export function sizeOfVarlong(value: bigint): number {
  let rest = zigzag64(value);
  let size = 1;
  while (rest >= 128n) {
    rest >>= 7n;
    size++;
  }
  return size;
}

/** Returns the position behind what it wrote. */
export function writeVarint(buffer: Buffer, position: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = position;
  while (rest >= MORE) {
    buffer[at++] = (rest & SEVEN_BITS) | MORE;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

/** Returns the position behind what it wrote. */
export function writeVarlong(buffer: Buffer, position: number, value: bigint): number {
  let rest = zigzag64(value);
  let at = position;
  while (rest >= 128n) {
    buffer[at++] = Number(rest & 0x7fn) | MORE;
    rest >>= 7n;
  }
  buffer[at++] = Number(rest);
  return at;
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.buffer[cursor.position++];
  if (byte === undefined) throw new RangeError('a varint ends behind the end of the data');
  return byte;
}

function zigzag64(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
}

function sizeOfUnsigned(value: number): number {
  let rest = value;
  let size = 1;
  while (rest >= MORE) {
    rest >>>= 7;
    size++;
  }
  return size;
}
