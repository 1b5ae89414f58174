// Positions as text for a status. Pure.
import type { Offsets } from '../../common/kafka/wire/offsets.ts';

export const MAX_TEXT = 2048;

/** `partition:offset,…`, cut when it is too long for a status. */
export function describeOffsets(offsets: Offsets): string {
  const text = [...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(',');
  return text.length <= MAX_TEXT ? text : `${text.slice(0, text.lastIndexOf(',', MAX_TEXT - 1))}…`;
}
