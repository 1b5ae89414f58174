import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findDrift, generatedFiles, writeGenerated } from '../../../tools/generate.ts';

const FOLDER = 'charts/queue-splitter/templates/crds';

describe('generated files', () => {
  it('of the repository are up to date', async () => {
    assert.deepEqual(await findDrift(fileURLToPath(new URL('../../..', import.meta.url)), generatedFiles()), []);
  });

  it('are found missing, different and left over, and put right', async (context) => {
    const root = await mkdtemp(join(tmpdir(), 'generate-'));
    context.after(() => rm(root, { recursive: true }));
    const expected = new Map([
      [`${FOLDER}/a.yaml`, 'a'],
      [`${FOLDER}/b.yaml`, 'b'],
    ]);
    assert.equal((await writeGenerated(root, expected)).length, 2);
    assert.deepEqual(await findDrift(root, expected), []);

    await writeFile(join(root, FOLDER, 'a.yaml'), 'changed');
    await rm(join(root, FOLDER, 'b.yaml'));
    await writeFile(join(root, FOLDER, 'old.yaml'), 'old');
    assert.deepEqual(await findDrift(root, expected), [
      { path: `${FOLDER}/a.yaml`, why: 'different' },
      { path: `${FOLDER}/b.yaml`, why: 'missing' },
      { path: `${FOLDER}/old.yaml`, why: 'left over' },
    ]);
    await writeGenerated(root, expected);
    assert.deepEqual(await findDrift(root, expected), []);
  });
});
