/** kubectl and helm for a kubeconfig. */
import { join } from 'node:path';
import { type CommandOptions, type CommandResult, runCommand } from './commands.ts';
import type { HelmBinaries } from './toolchain/helm.ts';

export type HelmOptions = CommandOptions & {
  /** 4 unless told. */
  version?: 3 | 4;
};

export type ClusterCommands = {
  /** Runs kubectl; returns what it wrote to the standard output, throws a `CommandError` when it fails. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Runs kubectl with `-o json` and returns the parsed output. */
  kubectlJson<T>(args: readonly string[], options?: CommandOptions): Promise<T>;
  /** Applies objects (JSON) with server-side apply. */
  apply(objects: readonly object[], options?: { namespace?: string }): Promise<void>;
  helm(args: readonly string[], options?: HelmOptions): Promise<CommandResult>;
};

/** Commands on one cluster. Whatever helm and kubectl cache or remember goes into `homeDirectory`. */
export function clusterCommands(
  binaries: HelmBinaries,
  kubeconfigPath: string,
  homeDirectory: string,
): ClusterCommands {
  const env = {
    ...process.env,
    KUBECONFIG: kubeconfigPath,
    KUBECACHEDIR: join(homeDirectory, 'kubectl-cache'),
    HELM_CACHE_HOME: join(homeDirectory, 'helm-cache'),
    HELM_CONFIG_HOME: join(homeDirectory, 'helm-config'),
    HELM_DATA_HOME: join(homeDirectory, 'helm-data'),
  };
  const kubectl = async (args: readonly string[], options: CommandOptions = {}) =>
    (await runCommand(binaries.kubectl, args, { ...options, env: { ...env, ...options.env } })).stdout;
  return {
    kubectl,
    kubectlJson: async <T>(args: readonly string[], options?: CommandOptions) =>
      JSON.parse(await kubectl([...args, '-o', 'json'], options)) as T,
    async apply(objects, { namespace } = {}) {
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      const where = namespace === undefined ? [] : ['--namespace', namespace];
      const manager = ['--server-side', '--force-conflicts', '--field-manager', 'testbed'];
      await kubectl(['apply', ...manager, ...where, '-f', '-'], { input: JSON.stringify(list) });
    },
    helm: (args, { version = 4, ...options } = {}) =>
      runCommand(version === 3 ? binaries.helm3 : binaries.helm4, args, {
        ...options,
        env: { ...env, ...options.env },
      }),
  };
}
