import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import packageJson from '../../../package.json' with { type: 'json' };
import { type Built, buildQsplit } from '../../../tools/build-qsplit.ts';

const run = promisify(execFile);
/** Away from the repository, so that nothing of it can be found. */
const folder = mkdtempSync(join(tmpdir(), 'qsplit-built-'));
const elsewhere = { cwd: folder, env: { PATH: '/nowhere', HOME: folder } };
let built: Built;

before(async () => {
  built = await buildQsplit({ folder: join(folder, 'dist') });
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('the script is the whole program', async () => {
  const alone = join(folder, 'qsplit.cjs');
  copyFileSync(built.script, alone);
  const ask = async (...args: string[]) => (await run(process.execPath, [alone, ...args], elsewhere)).stdout;
  assert.equal(await ask('--version'), `${packageJson.version}\n`);
  assert.match(await ask('--help'), /exec .*status .*end /s);
  assert.match(await ask('exec', '--help'), /--via <tool>/);
});

test('the executable needs no Node, and what is imported late is in it', async () => {
  const alone = join(folder, 'qsplit');
  copyFileSync(built.executable ?? '', alone);
  assert.equal((await run(alone, ['--version'], elsewhere)).stdout, `${packageJson.version}\n`);
  await assert.rejects(run(alone, ['status'], elsewhere), (error: { code?: unknown; stderr?: unknown }) => {
    assert.equal(error.code, 125);
    assert.match(String(error.stderr), /There is no kubeconfig/);
    return true;
  });
});
