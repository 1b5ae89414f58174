// Short, stable digests for names. Never for secrets.
import { createHash } from 'node:crypto';

/** The first `length` hexadecimal digits (at most 64) of the text's SHA-256. */
export function shortHash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

const HASH_LENGTH = 8;

/** At most `limit` characters: the text itself, or its beginning and a hash that keeps different texts apart. `limit` is 9 or more. */
export function limitLength(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const suffix = `-${shortHash(text, HASH_LENGTH)}`;
  const beginning = text.slice(0, Math.max(limit - suffix.length, 0));
  // In names of Kubernetes objects no label may end in a dot or dash before another one begins.
  return beginning.replace(/[.-]+$/, '') + suffix;
}
