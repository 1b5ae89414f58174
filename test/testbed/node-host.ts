/**
 * The place where one cluster lives: a network namespace of its own for everything, and for the node's own programs a
 * mount and a process namespace besides. When the first process of the latter ends, the kernel ends every process and
 * every mount of the cluster, containers included; nothing of the machine outside is changed.
 */
import { join } from 'node:path';
import { type CommandOptions, type CommandResult, runCommand } from './commands.ts';
import { addNetworkNamespace, networkNamespacePath } from './kernel-objects.ts';
import { childrenOf } from './process-table.ts';
import { dieWithParent, type SpawnOptions, type Supervised, spawnSupervised } from './processes.ts';
import type { Run } from './runs.ts';
import { HopelessError, waitFor } from './wait.ts';

/** Addresses inside the namespace; every cluster has the same, for nothing of them is visible outside. */
export const network = {
  bridge: 'qs0',
  /** The node's address; programs that listen here are reached from pods. */
  gateway: '10.250.1.1',
  podRange: '10.250.1.0/24',
  serviceRange: '10.251.0.0/24',
  /** The first address of the service range: the Service `kubernetes`. */
  apiService: '10.251.0.1',
} as const;

const plentyOfMemoryBytes = 8 * 1024 ** 3;

export type NodeHost = {
  run: Run;
  networkNamespace: string;
  /** Starts a program of the node: it sees the node's mounts and processes. */
  start(command: string, args: readonly string[], options: SpawnOptions): Promise<Supervised>;
  /** Runs a program of the node to its end. */
  execute(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Starts a program that shares only the network with the node. */
  startOutside(command: string, args: readonly string[], options: SpawnOptions): Promise<Supervised>;
  executeOutside(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
};

/**
 * The first process. Its input stays open as long as its owner lives. Container shims become its children, so it must
 * not care about them (SIGCHLD ignored). Writes of the kubelet, of CNI and of containerd to folders that they do not let
 * one choose go into the run's directory: an overlay over each of these.
 */
const firstProcess = `
set -eu
mount --make-rshared /
for folder in run var/lib var/log; do
  mkdir -p "$1/over/$folder" "$1/work/$folder"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$1/over/$folder,workdir=$1/work/$folder" "/$folder"
done
for folder in $2; do
  mkdir -p "$1/$folder" && mount -t tmpfs -o size=4g tmpfs "$1/$folder"
done
echo 1 > /proc/sys/net/ipv4/ip_forward
ip link set lo up
ip link add ${network.bridge} type bridge
ip addr add ${network.gateway}/32 dev ${network.bridge}
ip link set ${network.bridge} up
ip route add ${network.serviceRange} dev ${network.bridge} src ${network.gateway}
echo ready
trap '' CHLD
exec cat > /dev/null
`;

/**
 * Memory for etcd, which otherwise waits for the disk at every write; and for the images, where there is plenty of it:
 * loading and removing them takes half the time then.
 */
function foldersInMemory(): string {
  return process.availableMemory() > plentyOfMemoryBytes ? 'etcd containerd' : 'etcd';
}

/** Makes the namespaces; they end with the run. */
export async function openNodeHost(run: Run): Promise<NodeHost> {
  run.record((state) => void state.networkNamespaces.push(run.id));
  addNetworkNamespace(run.id);
  const holder = await spawnSupervised(
    run,
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      '--',
      'sh',
      '-c',
      firstProcess,
      'sh',
      run.directory,
      foldersInMemory(),
    ],
    { name: 'node', networkNamespace: run.id, stdin: 'pipe', stdout: 'pipe' },
  );
  let said = '';
  holder.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const first = await waitFor(
    "the node's namespaces",
    () => {
      if (!holder.isRunning()) {
        throw new HopelessError(`The node's namespaces could not be made: ${holder.tail() || 'no message'}`);
      }
      return said.includes('ready') && childrenOf(holder.pid)[0];
    },
    { deadlineMs: 15_000, intervalMs: 10 },
  );
  const enterNode = ['nsenter', '--target', String(first), '--net', '--mount', '--pid', '--'];
  const enterNetwork = ['nsenter', `--net=${networkNamespacePath(run.id)}`, '--'];
  const execute = (entering: string[]) => (command: string, args: readonly string[], options?: CommandOptions) => {
    const [program = command, ...rest] = [...dieWithParent(), ...entering, command, ...args];
    return runCommand(program, rest, options);
  };
  return {
    run,
    networkNamespace: run.id,
    start: (command, args, options) =>
      spawnSupervised(run, enterNode[0] as string, [...enterNode.slice(1), command, ...args], options),
    execute: execute(enterNode),
    startOutside: (command, args, options) =>
      spawnSupervised(run, command, args, { ...options, networkNamespace: run.id }),
    executeOutside: execute(enterNetwork),
  };
}

/** A file of the run, by its path inside the run's directory. */
export function runFile(run: Run, ...parts: string[]): string {
  return join(run.directory, ...parts);
}
