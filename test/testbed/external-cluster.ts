/**
 * The same interface for a cluster that is there already (kind, minikube, a company's): for macOS, for machines without
 * root, for `--kubeconfig`. Changes nothing in it by itself. What cannot work says how it is done there instead.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import type { Cluster } from './cluster.ts';
import { type ClusterCommands, clusterCommands } from './cluster-tools.ts';
import { runCommand } from './commands.ts';
import type { Forward, InsideAddress } from './forward.ts';
import { hostProgramObjects } from './host-program-service.ts';
import { spawnSupervised } from './processes.ts';
import { createProgress, type Progress } from './progress.ts';
import { openRun, type Run, sweepStale } from './runs.ts';
import { ensureHelm } from './toolchain/helm.ts';
import { HopelessError, waitFor } from './wait.ts';

export type ExternalClusterOptions = { name?: string; progress?: Progress };

/**
 * The address under which pods reach this machine: QUEUE_SPLITTER_HOST_ADDRESS, or its first address that is not the
 * loopback (right for kind and minikube on Linux; on macOS set the variable, for example to host.docker.internal's).
 */
function hostAddress(): string {
  const configured = process.env['QUEUE_SPLITTER_HOST_ADDRESS'];
  if (configured !== undefined && configured !== '') return configured;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

/** Fails when the kubeconfig's cluster does not answer. */
export async function clusterFromKubeconfig(path: string, options: ExternalClusterOptions = {}): Promise<Cluster> {
  if (!existsSync(path)) throw new Error(`There is no kubeconfig ${path}.`);
  const progress = options.progress ?? createProgress();
  sweepStale();
  const binaries = await ensureHelm(progress);
  const run = openRun();
  try {
    const kubeconfigPath = join(run.directory, 'kubeconfig');
    await copyKubeconfig(binaries.kubectl, resolve(path), kubeconfigPath);
    const commands = clusterCommands(binaries, kubeconfigPath, run.directory);
    await commands.kubectl(['get', '--raw', '/readyz'], { deadlineMs: 20_000 });
    const gateway = hostAddress();
    const forwards: Forward[] = [];
    let closing: Promise<void> | undefined;
    return {
      ...commands,
      name: options.name ?? (await commands.kubectl(['config', 'current-context'])).trim(),
      dir: run.directory,
      kubeconfigPath,
      innerKubeconfigPath: kubeconfigPath,
      gateway,
      spawnInside: (command, args, spawnOptions) => spawnSupervised(run, command, args, spawnOptions),
      runInside: runCommand,
      async loadImage(tarPath) {
        throw new Error(
          `${path} is not a cluster of the testbed, so the image has to be brought there by its own means: ` +
            `kind load image-archive ${tarPath}, minikube image load ${tarPath}, or docker load and a push to its registry.`,
        );
      },
      async forwardTo(address) {
        const forward = await forwardToExternal(run, commands, kubeconfigPath, binaries.kubectl, gateway, address);
        forwards.push(forward);
        return forward;
      },
      serviceForHostProgram: (service) =>
        commands.apply(hostProgramObjects(service, gateway), { namespace: service.namespace }),
      auditLogPath: undefined,
      components: {},
      close() {
        closing ??= (async () => {
          await Promise.all(forwards.map((forward) => forward.close()));
          await run.destroy();
        })();
        return closing;
      },
    };
  } catch (error) {
    await run.destroy();
    throw error;
  }
}

/** One context, with the content of the files that it names, so that the copy does not depend on where it lies. */
async function copyKubeconfig(kubectl: string, from: string, to: string): Promise<void> {
  const view = ['config', 'view', '--raw', '--flatten', '--minify'];
  const { stdout } = await runCommand(kubectl, view, { env: { ...process.env, KUBECONFIG: from } });
  await writeFile(to, stdout, { mode: 0o600 });
}

type WithAddress = {
  kind: string;
  metadata: { name: string; namespace: string };
  spec?: { clusterIP?: string };
  status?: { podIP?: string };
};

/** kubectl port-forward to the Service or pod that has the address; a program at the gateway is on this machine. */
async function forwardToExternal(
  run: Run,
  commands: ClusterCommands,
  kubeconfigPath: string,
  kubectl: string,
  gateway: string,
  { host, port }: InsideAddress,
): Promise<Forward> {
  if (host === gateway || host === '127.0.0.1') {
    return { host, port, close: async () => undefined };
  }
  const { items } = await commands.kubectlJson<{ items: WithAddress[] }>(['get', 'services,pods', '--all-namespaces']);
  const found = items.find(({ spec, status }) => spec?.clusterIP === host || status?.podIP === host);
  if (found === undefined) throw new Error(`No Service and no pod of the cluster has the address ${host}.`);
  const { kind, metadata } = found;
  const forwarding = await spawnSupervised(
    run,
    kubectl,
    ['--namespace', metadata.namespace, 'port-forward', `${kind.toLowerCase()}/${metadata.name}`, `:${port}`],
    { name: 'port-forward', stdout: 'pipe', env: { ...process.env, KUBECONFIG: kubeconfigPath } },
  );
  let said = '';
  forwarding.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const local = await waitFor(
    `the port-forward to ${host}:${port}`,
    () => {
      if (!forwarding.isRunning()) throw new HopelessError(`kubectl port-forward ended: ${forwarding.tail()}`);
      return /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    },
    { deadlineMs: 20_000 },
  );
  return { host: '127.0.0.1', port: Number(local), close: () => forwarding.stop() };
}
