/** What of a run is still on the machine. Only looks. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlGroupDirectories, mountsBelow, networkNamespacePath } from './kernel-objects.ts';
import { processesMentioning } from './process-table.ts';

/** Processes, mounts, control groups and files that belong to the run of this id (`qs-4f9c2a`), one line each. */
export function leftOvers(id: string): string[] {
  const directory = join(tmpdir(), id);
  return [
    ...processesMentioning(id).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...mountsBelow(directory).map((path) => `mount ${path}`),
    ...controlGroupDirectories(id).map((path) => `control group ${path}`),
    ...[directory, networkNamespacePath(id)].filter(existsSync).map((path) => `file ${path}`),
  ];
}
