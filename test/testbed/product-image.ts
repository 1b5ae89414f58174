/**
 * The product's image, as the Dockerfile makes it, without Docker: compiled JavaScript in /app, production dependencies
 * in /app/node_modules, Node as the entry point. A container runs `/app/webhook/main.js` and so on. Knows the product's
 * folders by name only.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.ts';
import { CommandError, type CommandOptions, runCommand } from './commands.ts';
import { type BuiltImage, buildImage } from './image.ts';
import { nodeInImage, nodeLayers } from './node-image.ts';

export const productImageName = 'localhost/queue-splitter:dev';

const projectRoot = fileURLToPath(new URL('../../', import.meta.url));
/** Type declarations and source maps: two fifths of the dependencies, and never read in a container. */
const neverRead = /\.(?:d\.[cm]?ts|map)$/;

/** Compiles the checked-out sources and builds the image; seconds when neither they nor the lock file changed. */
export async function buildProductImage(name = productImageName): Promise<BuiltImage> {
  const compiled = await mkdtemp(join(tmpdir(), 'qs-compiled-'));
  try {
    const compiler = join(projectRoot, 'node_modules', 'typescript', 'bin', 'tsc');
    const args = [compiler, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', compiled];
    await runCommand(process.execPath, args, { cwd: projectRoot });
    await copyFile(join(projectRoot, 'package.json'), join(compiled, 'package.json'));
    const dependencies = await productionDependencies();
    return await buildImage({
      name,
      layers: [
        ...(await nodeLayers()),
        [{ from: join(dependencies, 'node_modules'), to: '/app/node_modules' }],
        [{ from: compiled, to: '/app' }],
      ],
      entrypoint: [nodeInImage],
      env: { NODE_ENV: 'production' },
      workdir: '/app',
    });
  } finally {
    await rm(compiled, { recursive: true, force: true });
  }
}

/** A folder with the production dependencies that the lock file names, without what no container reads. */
async function productionDependencies(): Promise<string> {
  const lock = await readFile(join(projectRoot, 'package-lock.json'));
  const key = createHash('sha256').update(lock).digest('hex').slice(0, 16);
  return cached(`product-dependencies-${key}`, async (directory) => {
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(projectRoot, file), join(directory, file));
    }
    await install({ cwd: directory, deadlineMs: 10 * 60_000 });
    for (const entry of await readdir(join(directory, 'node_modules'), { recursive: true })) {
      if (neverRead.test(entry)) await rm(join(directory, 'node_modules', entry), { recursive: true, force: true });
    }
  });
}

/** As tools/launch.js does it: npm ci, and npm install where that finds the lock file incomplete for other platforms. */
async function install(options: CommandOptions): Promise<void> {
  const production = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    await runCommand('npm', ['ci', ...production], options);
  } catch (error) {
    if (!(error instanceof CommandError) || !error.result.stderr.includes('EUSAGE')) throw error;
    await runCommand('npm', ['install', '--no-save', ...production], options);
  }
}
