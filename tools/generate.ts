// Writes every file that is made from the source. `--check` writes nothing and fails with the names of files that are not up to date.
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFINITIONS } from '../api/crd/definitions.ts';
import { crdTemplate } from '../api/crd/template.ts';
import { qsplitReference } from './qsplit-reference.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Folders that hold generated files and nothing else: what is in them and not generated is left over and goes. */
const GENERATED_FOLDERS = ['charts/queue-splitter/templates/crds'];

const QSPLIT_PAGE = 'docs/reference/qsplit.md';

/** Path from the repository's root → content. */
export function generatedFiles(): Map<string, string> {
  return new Map([
    ...DEFINITIONS.map((definition): [string, string] => [
      `charts/queue-splitter/templates/crds/${definition.plural}.yaml`,
      crdTemplate(definition),
    ]),
    [QSPLIT_PAGE, qsplitReference(readFileSync(join(ROOT, QSPLIT_PAGE), 'utf8'))],
  ]);
}

export type Drift = { path: string; why: 'missing' | 'different' | 'left over' };

export async function findDrift(root: string, expected: ReadonlyMap<string, string>): Promise<Drift[]> {
  const drift: Drift[] = [];
  for (const [path, content] of expected) {
    const found = await readFile(join(root, path), 'utf8').catch(() => undefined);
    if (found !== content) drift.push({ path, why: found === undefined ? 'missing' : 'different' });
  }
  for (const folder of GENERATED_FOLDERS) {
    const entries = await readdir(join(root, folder)).catch(() => []);
    for (const entry of entries) {
      const path = `${folder}/${entry}`;
      if (!expected.has(path)) drift.push({ path, why: 'left over' });
    }
  }
  return drift;
}

export async function writeGenerated(root: string, expected: ReadonlyMap<string, string>): Promise<Drift[]> {
  const drift = await findDrift(root, expected);
  for (const { path } of drift) {
    const content = expected.get(path);
    if (content === undefined) {
      await rm(join(root, path));
      continue;
    }
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return drift;
}

if (import.meta.main) {
  const check = process.argv.includes('--check');
  const drift = check ? await findDrift(ROOT, generatedFiles()) : await writeGenerated(ROOT, generatedFiles());
  for (const { path, why } of drift) console.log(check ? `${path}: ${why}` : `wrote ${path} (was ${why})`);
  if (check && drift.length > 0) {
    console.error(`${drift.length} generated file(s) are not up to date. Run: npm run generate`);
    process.exitCode = 1;
  } else if (drift.length === 0) console.log('All generated files are up to date.');
}
