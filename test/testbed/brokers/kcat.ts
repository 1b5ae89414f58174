/** kcat (Debian package `kcat`) as a program of a place. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createProgress } from '../progress.ts';
import { ensureProgram } from '../toolchain/debian.ts';
import type { Place } from './place.ts';

/** Installs it where that may be done (Debian, root). False where it is missing all the same; then: `apt-get install kcat`. */
export function ensureKcat(): Promise<boolean> {
  return ensureProgram('kcat', createProgress());
}

/** Returns the standard output as `latin1`, one character for each byte. Throws a `CommandError` when kcat fails. */
export function kcatRunner(place: Place): (args: readonly string[]) => Promise<string> {
  return async (args) => {
    const file = join(place.directory, `kcat-${randomBytes(4).toString('hex')}.out`);
    try {
      const script = 'file=$1; shift; kcat "$@" < /dev/null > "$file" && base64 -w0 "$file"';
      const { stdout } = await place.execute('sh', ['-c', script, 'sh', file, ...args]);
      return Buffer.from(stdout, 'base64').toString('latin1');
    } finally {
      await rm(file, { force: true });
    }
  };
}
