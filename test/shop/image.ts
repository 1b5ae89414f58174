/** What the shop's container image holds: Node, the worker and the packages that it imports, for the testbed's `buildImage`. */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { runCommand } from '../testbed/commands.ts';
import { type BuiltImage, buildImage, type ImageFile } from '../testbed/image.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const PACKAGES = ['@aws-sdk/client-sqs', 'kafkajs'] as const;
const PROGRAM_FILES = new Set([
  'worker.ts',
  'worker-sqs.ts',
  'worker-kafka.ts',
  'report.ts',
  'order.ts',
  'environment.ts',
]);
/** Where the program lies in the image. */
export const SHOP_WORKER = '/app/test/shop/worker.ts';

type Manifest = { readonly dependencies?: Readonly<Record<string, string>> };

/** The folder of a package as seen from another folder, by Node's rule of looking upwards. */
function packageFolder(name: string, from: string): string {
  const paths = createRequire(join(from, 'package.json')).resolve.paths(name) ?? [];
  for (const path of paths) {
    const folder = join(path, name);
    try {
      readFileSync(join(folder, 'package.json'));
      return folder;
    } catch {}
  }
  throw new Error(`the package ${name}, needed by ${from}, is not installed: run npm ci`);
}

/** The folders of the packages and of all that they depend on. */
export function packageClosure(names: readonly string[], from: string): string[] {
  const found = new Set<string>();
  const visit = (name: string, folder: string) => {
    const own = packageFolder(name, folder);
    if (found.has(own)) return;
    found.add(own);
    const { dependencies = {} } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as Manifest;
    for (const dependency of Object.keys(dependencies)) visit(dependency, own);
  };
  for (const name of names) visit(name, from);
  return [...found].sort();
}

/** Two layers: the packages, which seldom change, and the programs. */
export function shopLayers(): [packages: ImageFile[], programs: ImageFile[]] {
  const place = (path: string): ImageFile => ({ from: path, to: join('/app', relative(REPOSITORY, path)) });
  const programs = readdirSync(import.meta.dirname)
    .filter((name) => PROGRAM_FILES.has(name))
    .map((name) => place(join(import.meta.dirname, name)));
  return [
    packageClosure(PACKAGES, REPOSITORY).map(place),
    [{ text: '{ "type": "module" }\n', to: '/app/package.json' }, ...programs],
  ];
}

/** This Node and the libraries that `ldd` names (Linux). As a layer of its own it can be shared by images. */
export async function nodeLayer(): Promise<ImageFile[]> {
  const { stdout } = await runCommand('ldd', [process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  return [
    { from: process.execPath, to: '/usr/local/bin/node' },
    ...libraries.sort().map((path) => ({ from: realpathSync(path), to: path })),
  ];
}

/** The image for `ShopSettings.image`; its tar is for `cluster.loadImage`. */
export async function buildShopImage(): Promise<BuiltImage> {
  return buildImage({
    name: 'localhost/queue-splitter-shop:1',
    layers: [await nodeLayer(), ...shopLayers()],
    entrypoint: ['node'],
    command: [SHOP_WORKER],
  });
}
