/** Builds programs from Go modules, which is where current Kubernetes programs can be had without a container registry. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { cached, cachePath, isBuilding } from '../cache.ts';
import { CommandError, runCommand } from '../commands.ts';
import type { StepDetail } from '../progress.ts';

export type GoModule = {
  /** The artefact's name in the cache, with its version. */
  name: string;
  goMod: string;
  /** Go files by their path in the module. */
  sources: Record<string, string>;
  packages: readonly string[];
  linkerFlags?: string;
};

const buildDeadlineMs = 40 * 60_000;

/** Go's own caches (gigabytes) while we build: an interrupted build goes on from there, and nothing of it is put into the user's. */
const goCaches = 'go-caches';

/** The directory with the built programs. Builds with low priority, at most two packages at a time on small machines. */
export async function ensureGoPrograms(module: GoModule, detail: StepDetail): Promise<string> {
  const directory = await cached(module.name, async (aside) => {
    await requireGo();
    await writeFile(join(aside, 'go.mod'), module.goMod);
    for (const [path, text] of Object.entries(module.sources)) {
      await mkdir(dirname(join(aside, path)), { recursive: true });
      await writeFile(join(aside, path), text);
    }
    await mkdir(join(aside, 'bin'));
    await mkdir(join(aside, 'tmp'));
    const options = {
      cwd: aside,
      deadlineMs: buildDeadlineMs,
      env: {
        ...process.env,
        GOWORK: 'off',
        CGO_ENABLED: '0',
        // An interrupted compiler leaves its work there.
        GOTMPDIR: join(aside, 'tmp'),
        GOCACHE: join(cachePath(goCaches), 'build'),
        GOMODCACHE: join(cachePath(goCaches), 'modules'),
        // Else nobody but root could remove them again.
        GOFLAGS: `${process.env['GOFLAGS'] ?? ''} -modcacherw`.trim(),
      },
    };
    detail('downloading the modules');
    await runCommand('go', ['mod', 'tidy'], options);
    detail('compiling');
    const parallel = String(Math.max(2, availableParallelism()));
    const flags = ['-p', parallel, '-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${module.linkerFlags ?? ''}`];
    await runCommand('nice', ['-n', '5', 'go', 'build', ...flags, '-o', 'bin/', ...module.packages], options);
    await rm(join(aside, 'tmp'), { recursive: true, force: true });
  });
  return join(directory, 'bin');
}

/** For when everything is built. Not while anybody else is building. */
export async function removeGoCaches(): Promise<void> {
  if (await isBuilding()) return;
  await rm(cachePath(goCaches), { recursive: true, force: true });
}

async function requireGo(): Promise<void> {
  try {
    await runCommand('go', ['version']);
  } catch (error) {
    const detail = error instanceof CommandError ? `: ${error.result.stderr.trim()}` : '';
    throw new Error(
      `Go 1.25 or newer is needed to build the cluster's programs, and "go version" does not work${detail}. ` +
        'Install it (https://go.dev/dl), or give an existing cluster with --kubeconfig.',
    );
  }
}
