// Which of the granted rights no test of a suite needed. Each stage writes down what its own audit log shows; here it is put together.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where stages write; the runner sets it. */
export const RIGHTS_VARIABLE = 'QUEUE_SPLITTER_RIGHTS';

/** Of one stage, as sentences. */
export type Rights = { granted: readonly string[]; unused: readonly string[] };

export async function writeRights(folder: string, stage: string, rights: Rights): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${stage}.json`), JSON.stringify(rights));
}

export async function readRights(folder: string): Promise<Rights[]> {
  const names = await readdir(folder).catch(() => []);
  return await Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Rights));
}

/** Granted on some stage, and used on none. Pure. */
export function neverUsed(stages: readonly Rights[]): string[] {
  const granted = new Set(stages.flatMap(({ granted }) => granted));
  const used = new Set(stages.flatMap(({ granted, unused }) => granted.filter((right) => !unused.includes(right))));
  return [...granted].filter((right) => !used.has(right)).toSorted();
}
