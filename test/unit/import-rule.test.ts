// Imports go one way (CONTRIBUTING.md): processes → common, api; common → api; never between processes. What proves the product imports
// nothing of it but types, or a fault of the product could hide in its own proof.
import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Top folder → top folders that it may import values from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  api: [],
  common: ['api'],
  webhook: ['api', 'common'],
  controller: ['api', 'common'],
  sidecar: ['api', 'common'],
  cli: ['api', 'common'],
};

const PRODUCT = Object.keys(MAY_IMPORT);
const SOURCES = [...PRODUCT, 'test', 'tools', 'demo', 'bench'];
/** The testbed, the sample shop and the checker know the product from outside only. */
const OUTSIDERS = ['test/testbed', 'test/shop', 'test/checker', 'test/runner'];

type Import = { from: string; target: string; typeOnly: boolean };

/** Static, re-exported and dynamic imports with a relative path. A marked single name is not type-only: the module is loaded for it. */
export function importsOf(file: string, text: string): Import[] {
  const statement = /^\s*(import|export)(\s+type)?\b[^;'"]*?(?:from\s*)?['"](\.[^'"]+)['"]/gm;
  const dynamic = /\bimport\(\s*['"](\.[^'"]+)['"]\s*\)/g;
  const found = [
    ...[...text.matchAll(statement)].map(([, , type, path]) => ({ path, typeOnly: type !== undefined })),
    ...[...text.matchAll(dynamic)].map(([, path]) => ({ path, typeOnly: false })),
  ];
  return found.map(({ path = '', typeOnly }) => ({
    from: file,
    target: normalize(join(dirname(file), path)),
    typeOnly,
  }));
}

export function violation({ from, target, typeOnly }: Import): string | undefined {
  const [fromTop = ''] = from.split('/');
  const [targetTop = ''] = target.split('/');
  if (fromTop === targetTop || !SOURCES.includes(targetTop)) return undefined;
  const allowed = MAY_IMPORT[fromTop];
  if (allowed !== undefined && !allowed.includes(targetTop)) {
    return `${from} imports ${target}: ${fromTop} may import ${['itself', ...allowed].join(', ')}`;
  }
  const outsider = OUTSIDERS.find((folder) => from.startsWith(`${folder}/`));
  if (outsider !== undefined && PRODUCT.includes(targetTop) && !typeOnly) {
    return `${from} imports ${target}: ${outsider} may import only types of the product`;
  }
  return undefined;
}

async function sources(): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(`{${SOURCES.join(',')}}/**/*.ts`, {
    cwd: ROOT,
  })) {
    files.push(file);
  }
  return files.toSorted();
}

describe('the import rule', () => {
  it('holds in every file', async () => {
    const files = await sources();
    for (const folder of ['api', 'common', 'controller', 'test']) {
      assert.ok(
        files.some((file) => file.startsWith(`${folder}/`)),
        `no file of ${folder} was looked at`,
      );
    }
    const imports = await Promise.all(
      files.map(async (file) => importsOf(file, await readFile(join(ROOT, file), 'utf8'))),
    );
    assert.deepEqual(
      imports
        .flat()
        .map(violation)
        .filter((found) => found !== undefined),
      [],
    );
  });

  it('sees every way to import', () => {
    const text = [
      "import { a } from '../common/a.ts';",
      "import type { B } from '../common/b.ts';",
      "import '../common/c.ts';",
      "export { d } from '../common/d.ts';",
      "export type { E } from '../common/e.ts';",
      "import {\n  f,\n  type F,\n} from '../common/f.ts';",
      "const g = await import('../common/g.ts');",
      "import { h } from 'node:fs';",
    ].join('\n');
    assert.deepEqual(
      importsOf('cli/x.ts', text).map(({ target, typeOnly }) => `${target}${typeOnly ? ' type' : ''}`),
      [
        'common/a.ts',
        'common/b.ts type',
        'common/c.ts',
        'common/d.ts',
        'common/e.ts type',
        'common/f.ts',
        'common/g.ts',
      ],
    );
  });

  it('refuses what it must refuse', () => {
    const refused = (from: string, target: string, typeOnly = false) =>
      violation({ from, target, typeOnly }) !== undefined;
    assert.ok(refused('webhook/a.ts', 'controller/b.ts'));
    assert.ok(refused('webhook/a.ts', 'controller/b.ts', true));
    assert.ok(refused('common/a.ts', 'sidecar/b.ts'));
    assert.ok(refused('api/a.ts', 'common/b.ts'));
    assert.ok(refused('cli/a.ts', 'test/b.ts'));
    assert.ok(refused('test/testbed/a.ts', 'common/b.ts'));
    assert.equal(refused('test/testbed/a.ts', 'common/b.ts', true), false);
    assert.equal(refused('test/unit/a.ts', 'common/b.ts'), false);
    assert.equal(refused('sidecar/a.ts', 'common/b.ts'), false);
  });
});
