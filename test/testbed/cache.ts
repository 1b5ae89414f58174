/**
 * Where everything that was downloaded or built stays between runs: one directory per artefact and version, outside
 * the repository. A directory appears whole (built aside, then renamed) or not at all; two runs never build the same
 * thing twice at the same time. Never changes what is already there.
 */
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, open, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from './process-table.ts';
import { waitFor } from './wait.ts';

const longestBuildMs = 45 * 60_000;

/** The cache's root: the environment variable QUEUE_SPLITTER_CACHE, or `.cache/queue-splitter` in the home. */
export function cacheRoot(): string {
  return process.env['QUEUE_SPLITTER_CACHE'] || join(homedir(), '.cache', 'queue-splitter');
}

/** The directory of an artefact, whether it is there yet or not. `name` includes the version: `helm-4.1.4`. */
export function cachePath(name: string): string {
  return join(cacheRoot(), name);
}

export function isCached(name: string): boolean {
  return existsSync(cachePath(name));
}

/**
 * The directory of an artefact, built first when it is missing.
 * @param build fills the empty directory that it is given; when it throws, nothing stays.
 */
export async function cached(name: string, build: (directory: string) => Promise<void>): Promise<string> {
  const target = cachePath(name);
  if (existsSync(target)) {
    // The directory's time says when it was last used.
    await utimes(target, new Date(), new Date()).catch(() => undefined);
    return target;
  }
  await mkdir(cacheRoot(), { recursive: true });
  const unlock = await waitFor<true | (() => Promise<void>)>(
    `the lock of ${name} in the cache`,
    async () => (existsSync(target) ? true : lock(name)),
    { deadlineMs: longestBuildMs, intervalMs: 250 },
  );
  if (unlock === true) return target;
  try {
    if (existsSync(target)) return target;
    const aside = await mkdtemp(join(cacheRoot(), `.building-${name}-`));
    try {
      await build(aside);
      await rename(aside, target);
    } catch (error) {
      await rm(aside, { recursive: true, force: true });
      throw error;
    }
    return target;
  } finally {
    await unlock();
  }
}

/** Whether anybody is building anything for the cache just now. */
export async function isBuilding(): Promise<boolean> {
  return (await readdir(cacheRoot())).some((name) => name.startsWith('.lock-'));
}

/** Bytes used by a directory and everything below it; 0 when it does not exist. */
export async function sizeOf(path: string): Promise<number> {
  const status = await lstat(path).catch(() => undefined);
  if (status === undefined) return 0;
  if (!status.isDirectory()) return status.blocks * 512;
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Of the artefacts whose name begins so, keeps those used last and removes the others. */
export async function keepNewest(prefix: string, count: number): Promise<void> {
  const names = (await readdir(cacheRoot())).filter((name) => name.startsWith(prefix));
  const found = await Promise.all(
    names.map(async (name) => ({ name, usedAt: (await lstat(cachePath(name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  );
  found.sort((a, b) => b.usedAt - a.usedAt);
  for (const { name } of found.slice(count)) await rm(cachePath(name), { recursive: true, force: true });
}

/** Removes the whole cache. @returns the bytes that became free. */
export async function cleanCache(): Promise<number> {
  const bytes = await sizeOf(cacheRoot());
  await rm(cacheRoot(), { recursive: true, force: true });
  return bytes;
}

/** Takes the lock and returns how to give it back, or undefined when a live process holds it. */
async function lock(name: string): Promise<(() => Promise<void>) | undefined> {
  const path = join(cacheRoot(), `.lock-${name}`);
  try {
    const file = await open(path, 'wx');
    await file.writeFile(JSON.stringify(identify(process.pid)));
    await file.close();
    return () => rm(path, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = await readHolder(path);
  if (holder !== 'unknown' && !isAlive(holder)) {
    // Renaming first, so that of several waiting runs only one removes the dead one's lock.
    const grave = `${path}.${process.pid}`;
    await rename(path, grave).catch(() => undefined);
    await rm(grave, { force: true });
    await removeUnfinished(name);
  }
  return undefined;
}

async function readHolder(path: string): Promise<ProcessIdentity | 'unknown'> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
  } catch {
    // Just made and not written yet, or just removed. A file that stays empty is a crash between the two.
    const status = await lstat(path).catch(() => undefined);
    return status !== undefined && Date.now() - status.mtimeMs > 5_000 ? { pid: -1, startTime: 'none' } : 'unknown';
  }
}

async function removeUnfinished(name: string): Promise<void> {
  for (const entry of await readdir(cacheRoot())) {
    if (entry.startsWith(`.building-${name}-`)) await rm(join(cacheRoot(), entry), { recursive: true, force: true });
  }
}
