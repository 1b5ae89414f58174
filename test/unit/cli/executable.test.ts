import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findExecutable } from '../../../cli/executable.ts';

test('commands are found by the rules of execvp', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'qsplit-path-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'bin', 'directory'), { recursive: true });
  writeFileSync(join(folder, 'bin', 'yes'), '', { mode: 0o755 });
  writeFileSync(join(folder, 'bin', 'no'), '', { mode: 0o644 });
  const where = {
    environment: { PATH: `/nowhere:${folder}/bin` },
    workingDirectory: folder,
    platform: 'linux' as const,
  };
  const cases = [
    ['yes', 'found'],
    ['bin/yes', 'found'],
    ['./bin/yes', 'found'],
    [`${folder}/bin/yes`, 'found'],
    ['no', 'notExecutable'],
    ['directory', 'notExecutable'],
    ['./yes', 'missing'],
    ['other', 'missing'],
  ] as const;
  for (const [command, found] of cases) assert.equal(await findExecutable(command, where), found, command);
});
