/**
 * Python programs that are not ours (boto3, the SQS emulator moto, librdkafka's and two more Kafka clients), from PyPI: one virtual environment
 * in the cache, made once per list of packages. Where Python is missing the result says so, so that the caller can go on without it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cachePath, isCached } from '../cache.ts';
import { runCommand } from '../commands.ts';

export type PythonProgram =
  | { readonly available: true; readonly command: string }
  | { readonly available: false; readonly reason: string; readonly howToGet: string };

/** Measured on two cores: for the announcement before anything is built. */
export const pythonEffort = { seconds: 30, diskMegabytes: 130 } as const;

const PACKAGES = join(import.meta.dirname, 'python-packages.txt');
const INSTALL_DEADLINE_MS = 15 * 60_000;
const VERSION_CHECK = 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))';

/** The list of packages is part of the name: another list is another environment. */
export const pythonCacheName = `python-${createHash('sha256').update(readFileSync(PACKAGES)).digest('hex').slice(0, 16)}`;

/** Throws only when the installation fails. */
export async function ensurePython(): Promise<PythonProgram> {
  if (!isCached(pythonCacheName) && !(await isUsable())) {
    return {
      available: false,
      reason: 'Python clients and emulators cannot be started: python3 is missing, older than 3.11 or without venv.',
      howToGet: 'Install it, for example on Debian with: apt-get install python3-venv',
    };
  }
  await cached(pythonCacheName, install);
  return { available: true, command: join(cachePath(pythonCacheName), 'bin', 'python3') };
}

async function isUsable(): Promise<boolean> {
  try {
    await runCommand('python3', ['-c', VERSION_CHECK], { deadlineMs: 30_000 });
    return true;
  } catch {
    return false;
  }
}

/** The environment is moved afterwards: its `bin/python3` is a link and finds its packages beside itself, its scripts are not used. */
async function install(directory: string): Promise<void> {
  await runCommand('python3', ['-m', 'venv', directory], { deadlineMs: INSTALL_DEADLINE_MS });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  await runCommand(join(directory, 'bin', 'python3'), [...pip, '--requirement', PACKAGES], {
    deadlineMs: INSTALL_DEADLINE_MS,
  });
}
