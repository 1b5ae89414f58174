/**
 * A real one-node Kubernetes cluster for tests, demo and benchmarks: API server, controllers, kubelet, containerd, CNI,
 * kube-proxy and DNS in namespaces of their own. Nothing of it is visible on the machine, and nothing stays.
 */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClusterCommands, clusterCommands } from './cluster-tools.ts';
import type { CommandOptions, CommandResult } from './commands.ts';
import { startContainerd } from './containerd.ts';
import { apiPort, type ControlPlane, nodeName, startControlPlane } from './control-plane.ts';
import { dnsReadyPort, startDns } from './dns.ts';
import { type Forward, type Forwarder, type InsideAddress, startForwarder } from './forward.ts';
import { type HostProgramService, hostProgramObjects } from './host-program-service.ts';
import { getInside, type InsideRequest } from './inside-requests.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { diedAtItsStart, startNode } from './kubelet.ts';
import { network, openNodeHost } from './node-host.ts';
import type { SpawnOptions, Supervised } from './processes.ts';
import { createProgress, type Progress } from './progress.ts';
import { openRun, sweepStale } from './runs.ts';
import { ensureClusterTools, planClusterTools } from './toolchain/index.ts';
import { describePlan } from './toolchain/plan.ts';
import { HopelessError, waitFor } from './wait.ts';

export type ClusterOptions = {
  /** Shown in messages; the run's id unless told. */
  name?: string;
  /** Whether the API server logs every request with its decision (level Metadata, JSON lines). */
  audit?: boolean;
  progress?: Progress;
};

export type Cluster = ClusterCommands & {
  name: string;
  /** A folder of the run for whatever the caller wants to keep; removed by `close`. */
  dir: string;
  /** For programs on the machine. */
  kubeconfigPath: string;
  /** For programs that were started by `spawnInside`, and for nobody else. */
  innerKubeconfigPath: string;
  /** Where programs inside the network listen to be reached by pods. */
  gateway: string;
  /** Starts a program of the machine (same files, same user) in the cluster's network. It ends with the cluster. */
  spawnInside(command: string, args: readonly string[], options: SpawnOptions): Promise<Supervised>;
  /** Runs a program of the machine in the cluster's network to its end. */
  runInside(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Makes a docker-archive tar known to the node; use `imagePullPolicy: Never` or `IfNotPresent`. */
  loadImage(tarPath: string): Promise<void>;
  /** A port on the machine's loopback for an address inside (a pod, a Service, a program at the gateway). */
  forwardTo(address: InsideAddress): Promise<Forward>;
  /** A Service whose name leads pods to a program that listens at the gateway. */
  serviceForHostProgram(service: HostProgramService): Promise<void>;
  /** Undefined without audit. */
  auditLogPath: string | undefined;
  /** The node's programs by name, for tests that stop, freeze or kill them. */
  components: Record<string, Supervised>;
  /** Removes everything; may be called again. */
  close(): Promise<void>;
};

const bootDeadlineMs = 90_000;

/** Boots a cluster of its own; the first time on a machine it builds what it needs (minutes), later it takes seconds. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const progress = options.progress ?? createProgress();
  sweepStale();
  const plan = describePlan(planClusterTools());
  if (plan !== undefined) progress.note(plan);
  const tools = await ensureClusterTools(progress);
  const run = openRun();
  const name = options.name ?? run.id;
  try {
    return await progress.step(`Starting cluster ${name}`, async (detail) => {
      const host = await openNodeHost(run);
      detail('containerd, etcd, API server');
      const [containerd, controlPlane, forwarder] = await Promise.all([
        startContainerd(host, tools.cniDirectory).then(async (started) => {
          await started.importImage(tools.pauseImage.tarPath);
          return started;
        }),
        startControlPlane(host, tools.kubernetes, options.audit ?? false),
        startForwarder(host),
      ]);
      const kubeconfigPath = await hostKubeconfig(run.directory, forwarder, controlPlane);
      const commands = clusterCommands(tools.helm, kubeconfigPath, run.directory);
      const components: Record<string, Supervised> = {
        containerd: containerd.process,
        etcd: controlPlane.etcd,
        apiServer: controlPlane.apiServer,
      };
      const secure = { authorityPem: controlPlane.authorityPem, token: controlPlane.adminToken };
      let startAgain = async (): Promise<void> => undefined;
      const ready = (what: string, asked: InsideRequest, isReady: (body: string) => boolean = () => true) =>
        waitFor(
          `${what} of cluster ${name}`,
          async () => {
            await startAgain();
            everythingRuns(components);
            const { status, body } = await getInside(forwarder, asked);
            if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 300)}`);
            return isReady(body);
          },
          { deadlineMs: bootDeadlineMs, intervalMs: 50 },
        );
      const api = (path: string) => ({ address: { host: '127.0.0.1', port: apiPort }, path, secure });
      await ready('the API server', api('/readyz'));
      detail('kubelet, controllers, DNS');
      const [[controllers, scheduler], node, dns] = await Promise.all([
        controlPlane.startControllers(),
        startNode(host, tools.kubernetes, controlPlane, containerd.endpoint),
        startDns(host, tools.coredns, controlPlane.kubeconfigs.dns),
      ]);
      if (controllers !== undefined) components['controllers'] = controllers;
      if (scheduler !== undefined) components['scheduler'] = scheduler;
      Object.assign(components, { kubelet: node.kubelet, proxy: node.proxy, dns });
      let again: Promise<void> | undefined;
      startAgain = async () => {
        if (again === undefined && !(await diedAtItsStart(node.kubelet))) return;
        again ??= node.startKubelet().then((kubelet) => {
          components['kubelet'] = kubelet;
        });
        await again;
      };
      await Promise.all([
        ready('the node', api(`/api/v1/nodes/${nodeName}`), (body) => isNodeReady(JSON.parse(body) as Node)),
        ready("the namespace's service account", api('/api/v1/namespaces/default/serviceaccounts/default')),
        ready('DNS', { address: { host: network.gateway, port: dnsReadyPort }, path: '/ready' }),
      ]);
      let closing: Promise<void> | undefined;
      return {
        ...commands,
        name,
        dir: run.directory,
        kubeconfigPath,
        innerKubeconfigPath: controlPlane.kubeconfigs.admin,
        gateway: network.gateway,
        spawnInside: host.startOutside,
        runInside: host.executeOutside,
        loadImage: containerd.importImage,
        forwardTo: forwarder.forwardTo,
        serviceForHostProgram: (service) =>
          commands.apply(hostProgramObjects(service, network.gateway, nodeName), { namespace: service.namespace }),
        auditLogPath: controlPlane.auditLogPath,
        components,
        close() {
          closing ??= (async () => {
            await forwarder.close();
            await keepLogs(run.directory, name);
            await run.destroy();
          })();
          return closing;
        },
      };
    });
  } catch (error) {
    await keepLogs(run.directory, name);
    await run.destroy();
    throw error;
  }
}

async function hostKubeconfig(directory: string, forwarder: Forwarder, controlPlane: ControlPlane): Promise<string> {
  const api = await forwarder.forwardTo({ host: '127.0.0.1', port: apiPort });
  return writeKubeconfig(join(directory, 'kubeconfig'), {
    server: `https://${api.host}:${api.port}`,
    authorityPem: controlPlane.authorityPem,
    token: controlPlane.adminToken,
  });
}

function everythingRuns(components: Record<string, Supervised>): void {
  for (const component of Object.values(components)) {
    if (!component.isRunning()) throw new HopelessError(`${component.name} ended early:\n${component.tail()}`);
  }
}

type Node = {
  spec: { taints?: unknown[] };
  status: { conditions?: { type: string; status: string }[] };
};

function isNodeReady(node: Node): boolean {
  const isReady = node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  return isReady && (node.spec.taints ?? []).length === 0;
}

/** With the environment variable QUEUE_SPLITTER_KEEP_LOGS the logs of every cluster are copied there. */
async function keepLogs(directory: string, name: string): Promise<void> {
  const target = process.env['QUEUE_SPLITTER_KEEP_LOGS'];
  if (target === undefined || target === '') return;
  await mkdir(join(target, name), { recursive: true });
  await cp(join(directory, 'logs'), join(target, name), { recursive: true }).catch(() => undefined);
}
