// Is the command there? Asked before a session exists: nobody's pods shall restart for a typing error.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

type Found = 'found' | 'missing' | 'notExecutable';

/** By execvp's rules: a name with a slash is a path, any other is looked for in PATH. Windows' rules are its own: always `found`. */
export async function findExecutable(
  command: string,
  where: { environment: NodeJS.ProcessEnv; workingDirectory: string; platform: NodeJS.Platform },
): Promise<Found> {
  if (where.platform === 'win32') return 'found';
  const candidates = command.includes('/')
    ? [isAbsolute(command) ? command : resolve(where.workingDirectory, command)]
    : (where.environment['PATH'] ?? '/usr/bin:/bin').split(delimiter).map((folder) => join(folder || '.', command));
  const results = await Promise.all(candidates.map(look));
  if (results.includes('found')) return 'found';
  return results.includes('notExecutable') ? 'notExecutable' : 'missing';
}

async function look(path: string): Promise<Found> {
  try {
    if (!(await stat(path)).isFile()) return 'notExecutable';
  } catch {
    return 'missing';
  }
  return access(path, constants.X_OK).then(
    () => 'found' as const,
    () => 'notExecutable' as const,
  );
}
