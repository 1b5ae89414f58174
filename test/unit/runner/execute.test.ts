import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Counts, execute } from '../../runner/execute.ts';

const FILES = {
  'mixed.test.mjs': `
    import { describe, it } from 'node:test';
    import assert from 'node:assert';
    describe('a suite', () => {
      it('passes', () => {});
      it('fails', () => assert.equal(1, 2, 'one is not two'));
      it('is skipped', (context) => context.skip('there is no broker'));
    });`,
  'broken.test.mjs': "import './nowhere.mjs';",
  'open.test.mjs': `
    import { it } from 'node:test';
    it('passes', () => {});
    setInterval(() => {}, 1000);
    process.once('exit', () => console.error('cleaned up'));`,
  'good.test.mjs': "import { it } from 'node:test'; it('passes', () => {});",
};

let folder: string;
before(async () => {
  // With it Node's runner does nothing, lest a test runs itself over and over.
  delete process.env['NODE_TEST_CONTEXT'];
  folder = await mkdtemp(join(tmpdir(), 'queue-splitter-runner-'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
});
after(() => rm(folder, { recursive: true }));

type Executed = { counts: Counts; output: string };

async function executed(...names: (keyof typeof FILES)[]): Promise<Executed> {
  return await executedWithin(30_000, ...names);
}

async function executedWithin(fileTimeoutMs: number, ...names: (keyof typeof FILES)[]): Promise<Executed> {
  const lines: string[] = [];
  const counts = await execute({
    files: names.map((name) => join(folder, name)),
    concurrency: 1,
    fileTimeoutMs,
    signal: new AbortController().signal,
    write: (line) => lines.push(line),
  });
  return { counts, output: lines.join('\n') };
}

describe('running test files', () => {
  it('counts tests, shows failures and says why something was skipped', async () => {
    const { counts, output } = await executed('mixed.test.mjs', 'good.test.mjs');
    assert.deepEqual(counts, { passed: 2, failed: 1, skipped: 1 });
    assert.match(output, /✗ fails[\s\S]*one is not two/);
    assert.match(output, /1 skipped: there is no broker/);
    assert.match(output, /✓ .*good\.test\.mjs/);
  });

  it('counts a file that cannot be loaded as a failure, with its standard error', async () => {
    const { counts, output } = await executed('broken.test.mjs');
    assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 0 });
    assert.match(output, /nowhere\.mjs/);
  });

  it('ends a file that lives on after its tests, counts that as a failure, and goes on', {
    timeout: 30_000,
  }, async () => {
    const { counts, output } = await executedWithin(1_500, 'open.test.mjs', 'good.test.mjs');
    assert.deepEqual(counts, { passed: 2, failed: 1, skipped: 0 });
    assert.match(output, /✗ .*open\.test\.mjs[\s\S]*longer than 1\.5 s.*Timeout/);
    assert.match(output, /cleaned up/);
    assert.match(output, /✓ .*good\.test\.mjs/);
  });
});
