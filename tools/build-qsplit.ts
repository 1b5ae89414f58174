// `npm run build:qsplit`: qsplit as developers get it. dist/qsplit.cjs is the whole program in one file for any Node from 22.19 on;
// dist/qsplit-<platform>-<arch> is the same with the running Node inside, for laptops without one (Node's single executable applications,
// https://nodejs.org/api/single-executable-applications.html). Builds for the platform that it runs on; downloads nothing.
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
/** Undici 8 asks for it, and nothing else of qsplit's asks for more. */
const OLDEST_NODE = [22, 19] as const;
const run = promisify(execFile);

export type Built = { script: string; executable: string | undefined };

/** `executable: false` builds the script only. */
export async function buildQsplit(options: { folder?: string; executable?: boolean } = {}): Promise<Built> {
  const { folder = DIST, executable = true } = options;
  await mkdir(folder, { recursive: true });
  const script = join(folder, 'qsplit.cjs');
  await bundle(script);
  return { script, executable: executable ? await withNodeInside(script, folder) : undefined };
}

/** CommonJS, which is what a single executable runs; dynamic imports stay late, but in the same file. */
async function bundle(script: string): Promise<void> {
  await build({
    input: join(ROOT, 'cli', 'main.ts'),
    platform: 'node',
    transform: { target: `node${OLDEST_NODE.join('.')}` },
    // The CommonJS form of jsonc-parser requires its parts by names that no bundler can see.
    resolve: { alias: { 'jsonc-parser': join(ROOT, 'node_modules', 'jsonc-parser', 'lib', 'esm', 'main.js') } },
    output: { file: script, format: 'cjs', codeSplitting: false, minify: true, banner: banner() },
    logLevel: 'warn',
  });
  await chmod(script, 0o755);
}

/** Says what is wrong before an older Node trips over something that it does not know. */
function banner(): string {
  const [major, minor] = OLDEST_NODE;
  const sentence = `qsplit needs Node ${major}.${minor} or newer, and this is `;
  return [
    '#!/usr/bin/env node',
    'const [major, minor] = process.versions.node.split(".").map(Number);',
    `if (major < ${major} || (major === ${major} && minor < ${minor})) {`,
    `  process.stderr.write(${JSON.stringify(sentence)} + process.versions.node + "\\n");`,
    '  process.exit(125);',
    '}',
  ].join('\n');
}

/** A copy of the running Node with the script, and V8's compiled form of it, as a resource. */
async function withNodeInside(script: string, folder: string): Promise<string> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const executable = join(folder, `qsplit-${process.platform}-${process.arch}${suffix}`);
  const scratch = await mkdtemp(join(tmpdir(), 'build-qsplit-'));
  try {
    const blob = join(scratch, 'qsplit.blob');
    const settings = { main: script, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true };
    await writeFile(join(scratch, 'sea.json'), JSON.stringify(settings));
    await run(process.execPath, ['--experimental-sea-config', join(scratch, 'sea.json')]);
    await copyFile(process.execPath, executable);
    await chmod(executable, 0o755);
    await inject(executable, blob);
    return executable;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The way that Node's documentation describes; macOS wants the copy signed again afterwards, which is for whoever releases. */
async function inject(executable: string, blob: string): Promise<void> {
  const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'];
  const mac = process.platform === 'darwin' ? ['--macho-segment-name', 'NODE_SEA'] : [];
  const tool = join(ROOT, 'node_modules', 'postject', 'dist', 'cli.js');
  await run(process.execPath, [tool, executable, 'NODE_SEA_BLOB', blob, ...fuse, ...mac]);
}

if (import.meta.main) {
  const { script, executable } = await buildQsplit();
  for (const file of [script, executable]) {
    if (file === undefined) continue;
    const megabytes = (await stat(file)).size / 1_000_000;
    console.log(`${relative(process.cwd(), file)}  ${megabytes.toFixed(1)} MB`);
  }
}
