/** Fetches the files of an npm package without its dependencies and without running any of its scripts. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../commands.ts';

/** Unpacks `name@version` into `directory`, whose `package` folder then holds the package's files. */
export async function unpackNpmPackage(specification: string, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const npm = ['pack', specification, '--silent', '--ignore-scripts', '--pack-destination', directory];
  await runCommand('npm', npm, { cwd: directory, deadlineMs: 10 * 60_000 });
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined)
    throw new Error(`npm pack ${specification} made no file; is the package registry reachable?`);
  await runCommand('tar', ['-xzf', tarball], { cwd: directory });
  await rm(join(directory, tarball));
  return join(directory, 'package');
}
