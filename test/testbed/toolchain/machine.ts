/**
 * What a cluster of our own needs of the machine and nobody can install for it: said before minutes of building, and all of it at once.
 */
import { runCommand } from '../commands.ts';

export type Machine = {
  platform: NodeJS.Platform;
  /** Undefined where there are no user ids. */
  userId: number | undefined;
  /** Whether a program ends well. */
  answers(command: string, args: readonly string[]): Promise<boolean>;
};

const thisMachine: Machine = {
  platform: process.platform,
  userId: process.getuid?.(),
  answers: (command, args) =>
    runCommand(command, args, { deadlineMs: 30_000 }).then(
      () => true,
      () => false,
    ),
};

/** @throws Error with one sentence for everything that is missing. `compiles`: programs in Go have to be built. */
export async function requireMachine(compiles: boolean, machine = thisMachine): Promise<void> {
  const missing = await missingOf(machine, compiles);
  if (missing.length === 0) return;
  throw new Error(
    `A cluster of its own cannot be made on this machine. Missing: ${missing.join('; ')}. ` +
      'Or use an existing cluster: --kubeconfig PATH.',
  );
}

async function missingOf({ platform, userId, answers }: Machine, compiles: boolean): Promise<string[]> {
  if (platform !== 'linux') return [`Linux (this is ${platform})`];
  const missing: string[] = [];
  if (userId !== 0) missing.push('root, for network namespaces and mounts (sudo, or a root shell)');
  // util-linux itself may still have to be installed, and then there is nothing to try it with.
  else if ((await answers('unshare', ['--version'])) && !(await mayUnshare(answers))) {
    missing.push('the right to make namespaces and mounts (in a container: run it with --privileged)');
  }
  if (compiles && !(await answers('go', ['version']))) {
    missing.push("Go 1.25 or newer, to build the cluster's programs once (https://go.dev/dl)");
  }
  return missing;
}

function mayUnshare(answers: Machine['answers']): Promise<boolean> {
  return answers('unshare', ['--net', '--mount', '--pid', '--fork', 'true']);
}
