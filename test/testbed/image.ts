/**
 * Builds container images as docker-archive tars without Docker. The same content gives the same bytes, and what has
 * been built once is taken from the cache. A file layer is one folder or file of the machine, so that images share
 * what they have in common (the Node layer above all).
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cached, cachePath, keepNewest } from './cache.ts';
import { type TarEntry, writeTar } from './tar-writer.ts';

/** What goes where: a file or a whole folder of the machine, or text, to an absolute path in the image. */
export type ImageFile = { from: string; to: string } | { text: string; to: string; mode?: number };

export type ImageSpecification = {
  /** With a tag: `localhost/shop:1`. */
  name: string;
  /** Each becomes a layer of its own, in this order. */
  layers: readonly (readonly ImageFile[])[];
  entrypoint: readonly string[];
  command?: readonly string[];
  env?: Record<string, string>;
  /** Numeric; 65532 unless told. */
  user?: number;
  workdir?: string;
};

export type BuiltImage = { name: string; tarPath: string };

/** Every change of a program makes another image: more than a few of each are only ballast. */
const keptPerImage = 4;
const keptLayers = 60;

const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** Builds the image, or finds it in the cache by its content. */
export async function buildImage(specification: ImageSpecification): Promise<BuiltImage> {
  const { name, entrypoint, command, env = {}, user = 65532, workdir = '/' } = specification;
  const layers = await Promise.all(specification.layers.map(buildLayer));
  const config = JSON.stringify({
    architecture,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: {
      Entrypoint: entrypoint,
      ...(command === undefined ? {} : { Cmd: command }),
      Env: Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin', ...env }).map(([key, value]) => `${key}=${value}`),
      User: String(user),
      WorkingDir: workdir,
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${layer.digest}`) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'queue-splitter testbed' })),
  });
  const configDigest = createHash('sha256').update(config).digest('hex');
  const identity = createHash('sha256').update(name).update(configDigest).digest('hex').slice(0, 20);
  const group = `image-${name.replaceAll(/[^a-z0-9]+/gi, '-')}-`;
  const directory = await cached(`${group}${identity}`, async (aside) => {
    const manifest = [
      { Config: `${configDigest}.json`, RepoTags: [name], Layers: layers.map((layer) => `${layer.digest}/layer.tar`) },
    ];
    writeTar(join(aside, 'image.tar'), [
      ...layers.map((layer): TarEntry => {
        const content = { path: layer.path, size: statSync(layer.path).size };
        return { type: 'file', name: `${layer.digest}/layer.tar`, mode: 0o644, content };
      }),
      { type: 'file', name: `${configDigest}.json`, mode: 0o644, content: Buffer.from(config) },
      { type: 'file', name: 'manifest.json', mode: 0o644, content: Buffer.from(JSON.stringify(manifest)) },
    ]);
  });
  await keepNewest(group, keptPerImage);
  await keepNewest('layer-', keptLayers);
  return { name, tarPath: join(directory, 'image.tar') };
}

type Layer = { digest: string; path: string };

async function buildLayer(files: readonly ImageFile[]): Promise<Layer> {
  const entries = withParents(files.flatMap(entriesOf));
  const name = `layer-${fingerprint(entries)}`;
  const directory = await cached(name, async (aside) => {
    const digest = writeTar(join(aside, 'layer.tar'), entries);
    writeTar(join(aside, digest), []);
  });
  const digest = readdirSync(directory).find((entry) => /^[0-9a-f]{64}$/.test(entry));
  if (digest === undefined) throw new Error(`The layer in ${directory} has no digest; remove ${cachePath(name)}.`);
  return { digest, path: join(directory, 'layer.tar') };
}

function entriesOf(file: ImageFile): TarEntry[] {
  const name = file.to.replace(/^\/+|\/+$/g, '');
  if ('text' in file) return [{ type: 'file', name, mode: file.mode ?? 0o644, content: Buffer.from(file.text) }];
  const status = statSync(file.from);
  if (!status.isDirectory()) return [fileEntry(file.from, name)];
  return folderEntries(file.from, name);
}

function folderEntries(folder: string, name: string): TarEntry[] {
  const entries: TarEntry[] = name === '' ? [] : [{ type: 'directory', name, mode: 0o755 }];
  const children = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const child of children) {
    const from = join(folder, child.name);
    const to = name === '' ? child.name : `${name}/${child.name}`;
    if (child.isDirectory()) entries.push(...folderEntries(from, to));
    else if (child.isSymbolicLink()) entries.push({ type: 'link', name: to, target: readlinkSync(from) });
    else if (child.isFile()) entries.push(fileEntry(from, to));
  }
  return entries;
}

function fileEntry(path: string, name: string): TarEntry {
  const status = statSync(path);
  const mode = (status.mode & 0o111) === 0 ? 0o644 : 0o755;
  return { type: 'file', name, mode, content: { path, size: status.size } };
}

/** Adds the folders that the entries lie in and that are not among them, first. Later entries replace earlier ones. */
function withParents(entries: TarEntry[]): TarEntry[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  for (const { name } of entries) {
    for (let parent = dirname(name); parent !== '.'; parent = dirname(parent)) {
      if (!byName.has(parent)) byName.set(parent, { type: 'directory', name: parent, mode: 0o755 });
    }
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** By content; large files by path, size and time, which is enough for programs out of the cache and much faster. */
function fingerprint(entries: readonly TarEntry[]): string {
  const hash = createHash('sha256');
  for (const entry of entries) {
    hash.update(`${entry.type}\0${entry.name}\0${entry.type === 'link' ? entry.target : entry.mode}\0`);
    if (entry.type !== 'file') continue;
    if (Buffer.isBuffer(entry.content)) hash.update(entry.content);
    else if (entry.content.size > 20_000_000) {
      hash.update(`${basename(entry.content.path)}${entry.content.size}${statSync(entry.content.path).mtimeMs}`);
    } else hash.update(readFileSync(entry.content.path));
  }
  return hash.digest('hex').slice(0, 20);
}
