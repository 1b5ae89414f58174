/** The one node of a cluster: kubelet and kube-proxy. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { type ControlPlane, nodeName } from './control-plane.ts';
import { type NodeHost, network, runFile } from './node-host.ts';
import type { Supervised } from './processes.ts';
import type { KubernetesBinaries } from './toolchain/kubernetes.ts';

/** Starts both; whether the node is ready is for the caller to see. All control groups lie below the run's own. */
export async function startNode(
  host: NodeHost,
  binaries: KubernetesBinaries,
  controlPlane: ControlPlane,
  containerdEndpoint: string,
): Promise<{ kubelet: Supervised; proxy: Supervised; startKubelet: () => Promise<Supervised> }> {
  const { run } = host;
  run.record((state) => void state.controlGroups.push(run.id));
  await mkdir(runFile(run, 'pods'), { recursive: true });
  await writeFile(runFile(run, 'resolv.conf'), `nameserver ${network.gateway}\n`);
  const kubeletConfig = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    failSwapOn: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${run.id}`,
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: containerdEndpoint,
    clusterDNS: [network.gateway],
    clusterDomain: 'cluster.local',
    resolvConf: runFile(run, 'resolv.conf'),
    podLogsDir: runFile(run, 'pods'),
    volumePluginDir: runFile(run, 'volume-plugins'),
    healthzPort: 0,
    imageGCHighThresholdPercent: 100,
    makeIPTablesUtilChains: false,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    registerNode: true,
    syncFrequency: '10s',
    maxPods: 200,
  };
  await writeFile(runFile(run, 'kubelet.yaml'), stringify(kubeletConfig));
  const proxyConfig = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clusterCIDR: network.podRange,
    clientConnection: { kubeconfig: controlPlane.kubeconfigs.proxy },
    hostnameOverride: nodeName,
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    nftables: { syncPeriod: '30s', minSyncPeriod: '0s' },
  };
  await writeFile(runFile(run, 'proxy.yaml'), stringify(proxyConfig));
  const startKubelet = (): Promise<Supervised> =>
    host.start(
      binaries.kubelet,
      [
        `--config=${runFile(run, 'kubelet.yaml')}`,
        `--kubeconfig=${controlPlane.kubeconfigs.kubelet}`,
        `--hostname-override=${nodeName}`,
        `--node-ip=${network.gateway}`,
        `--root-dir=${runFile(run, 'kubelet')}`,
      ],
      { name: 'kubelet' },
    );
  const [kubelet, proxy] = await Promise.all([
    startKubelet(),
    host.start(binaries.proxy, [`--config=${runFile(run, 'proxy.yaml')}`], { name: 'kube-proxy' }),
  ]);
  return { kubelet, proxy, startKubelet };
}

/**
 * The kubelet of 1.35 now and then dies in its first second, when its manager of resource slices (DRA) and its registration describe the
 * node at the same time. A machine's init system starts it again.
 */
export async function diedAtItsStart(kubelet: Pick<Supervised, 'isRunning' | 'logPath'>): Promise<boolean> {
  if (kubelet.isRunning()) return false;
  const log = await readFile(kubelet.logPath, 'utf8');
  return /^(fatal error|panic): /m.test(log) && log.includes('wipeResourceSlices');
}
