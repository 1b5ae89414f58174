// Positions as text for a status. Pure.
import { LIMITS } from '../../api/kinds/common.ts';
import type { Offsets } from '../../common/kafka/wire/offsets.ts';

/** `partition:offset,…`, cut when it is too long for a status. */
export function describeOffsets(offsets: Offsets): string {
  const text = [...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(',');
  return text.length <= LIMITS.text ? text : `${text.slice(0, text.lastIndexOf(',', LIMITS.text - 1))}…`;
}
