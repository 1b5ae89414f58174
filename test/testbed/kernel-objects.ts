/**
 * What a run leaves in the kernel besides processes: network namespaces, mounts, control groups. Linux, as root.
 * Everything here is synchronous (it runs in the last moments of a process) and safe to repeat.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const namespaceDirectory = '/run/netns';
const controlGroupRoot = '/sys/fs/cgroup';

/** The file that `nsenter --net=` takes. */
export function networkNamespacePath(name: string): string {
  return join(namespaceDirectory, name);
}

/** Makes a named network namespace (the same file as `ip netns add` makes, without turning its folder into a mount). */
export function addNetworkNamespace(name: string): void {
  mkdirSync(namespaceDirectory, { recursive: true });
  writeFileSync(networkNamespacePath(name), '', { flag: 'wx' });
  const made = spawnSync('unshare', [`--net=${networkNamespacePath(name)}`, 'true'], { encoding: 'utf8' });
  if (made.status === 0) return;
  rmSync(networkNamespacePath(name), { force: true });
  throw new Error(
    `Cannot make a network namespace (${made.stderr?.trim() || made.error?.message}); the cluster needs root on Linux. ` +
      'Without root, give an existing cluster with --kubeconfig.',
  );
}

export function removeNetworkNamespace(name: string): void {
  const path = networkNamespacePath(name);
  if (!existsSync(path)) return;
  spawnSync('umount', ['--lazy', path]);
  rmSync(path, { force: true });
}

/** Mount points at or below a directory, deepest first. */
export function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path === directory || path.startsWith(`${directory}/`))
    .reverse();
}

export function unmountBelow(directory: string): void {
  if (!existsSync('/proc/self/mounts')) return;
  for (const path of mountsBelow(directory)) spawnSync('umount', ['--lazy', path]);
}

/** Directories of the control group `name` in every hierarchy (version 1 has one per controller, version 2 one). */
export function controlGroupDirectories(name: string): string[] {
  if (!existsSync(controlGroupRoot)) return [];
  const roots = [controlGroupRoot, ...readdirSync(controlGroupRoot).map((entry) => join(controlGroupRoot, entry))];
  return roots.map((root) => join(root, name)).filter((path) => existsSync(path));
}

/** Removes the control group and those below it. @returns false when one still has a process and is not gone yet. */
export function removeControlGroups(name: string): boolean {
  return controlGroupDirectories(name).every(removeTree);
}

function removeTree(directory: string): boolean {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeTree(join(directory, entry.name))) return false;
    }
    rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
