// The random part of temporary names. The source of randomness is passed in, so that tests are deterministic.
import { randomInt } from 'node:crypto';

/** A whole number from 0 to `limit` - 1. */
export type RandomInteger = (limit: number) => number;

/** Ten digits, as mirrord's names have them: 10^10 names before one repeats by chance in about 10^5. */
const DIGITS = 10;

export function randomDigits(random: RandomInteger = (limit) => randomInt(limit)): string {
  return Array.from({ length: DIGITS }, () => random(10)).join('');
}
