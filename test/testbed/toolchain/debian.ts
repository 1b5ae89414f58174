/** Programs of the distribution that a cluster needs. Installs what is missing when it may, else says how. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runCommand } from '../commands.ts';
import type { Progress } from '../progress.ts';
import type { PlannedStep } from './plan.ts';

/** Debian's and Ubuntu's package for each program. */
const packageOf: Record<string, string> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  etcd: 'etcd-server',
  nft: 'nftables',
  iptables: 'iptables',
  conntrack: 'conntrack',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  gcc: 'gcc',
};
const cniPackage = 'containernetworking-plugins';
/** What gcc only recommends, and a minimal system does not have. */
const headers = { file: '/usr/include/unistd.h', package: 'libc6-dev' } as const;
const cniDirectories = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];
const policyFile = '/usr/sbin/policy-rc.d';

export function planDebian(): PlannedStep[] {
  const missing = missingPackages();
  if (missing.length === 0) return [];
  return [{ what: `Debian packages: ${missing.join(' ')}`, minutes: 0.7, megabytes: 60 * missing.length }];
}

/** Makes sure of all programs. @returns the folder of the CNI plugins. */
export async function ensureDebianPackages(progress: Progress): Promise<string> {
  const missing = missingPackages();
  if (missing.length > 0) await installPackages(missing, progress);
  const stillMissing = missingPackages();
  const directory = cniDirectory();
  if (stillMissing.length > 0 || directory === undefined) {
    throw new Error(`Installed ${missing.join(' ')}, and still missing is ${stillMissing.join(' ')}. ${otherWay}`);
  }
  return directory;
}

/** A program whose Debian package has its name; installed where that may be done. False where it is missing all the same. */
export async function ensureProgram(name: string, progress: Progress): Promise<boolean> {
  if (!isOnPath(name)) await installPackages([name], progress).catch(() => undefined);
  return isOnPath(name);
}

const otherWay = 'Without it, give an existing cluster with --kubeconfig.';

/** Throws a sentence that says what to do where it may not or cannot. */
async function installPackages(packages: readonly string[], progress: Progress): Promise<void> {
  const command = `apt-get install --yes --no-install-recommends ${packages.join(' ')}`;
  if (process.platform !== 'linux') throw new Error(`A cluster of its own needs Linux. ${otherWay}`);
  if (process.getuid?.() !== 0) throw new Error(`Missing packages; run: sudo ${command}. ${otherWay}`);
  if (!isOnPath('apt-get')) {
    throw new Error(`Missing: ${packages.join(' ')} (names of Debian packages), and there is no apt-get. ${otherWay}`);
  }
  await progress.step(`Installing Debian packages: ${packages.join(' ')}`, () =>
    withoutServices(async () => {
      const options = { deadlineMs: 10 * 60_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
      // Another test file may be installing something, too.
      const args = ['-o', 'DPkg::Lock::Timeout=120', 'install', '--yes', '--no-install-recommends', ...packages];
      try {
        await runCommand('apt-get', args, options);
      } catch {
        await runCommand('apt-get', ['update'], options);
        await runCommand('apt-get', args, options);
      }
    }),
  );
}

/** Keeps the packages from starting their services on this machine (invoke-rc.d asks this file). */
async function withoutServices(action: () => Promise<void>): Promise<void> {
  if (existsSync(policyFile)) return action();
  await writeFile(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await action();
  } finally {
    await rm(policyFile, { force: true });
  }
}

function missingPackages(): string[] {
  const missing = Object.entries(packageOf).filter(([program]) => !isOnPath(program));
  const names = [...missing.map(([, name]) => name), ...(existsSync(headers.file) ? [] : [headers.package])];
  return [...new Set(cniDirectory() === undefined ? [...names, cniPackage] : names)];
}

function cniDirectory(): string | undefined {
  return cniDirectories.find((path) => existsSync(join(path, 'ptp')));
}

function isOnPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}
