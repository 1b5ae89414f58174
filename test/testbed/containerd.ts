/** containerd inside a cluster's own namespaces, and the images in it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { type NodeHost, network, runFile } from './node-host.ts';
import type { Supervised } from './processes.ts';
import { HopelessError, waitFor } from './wait.ts';

export const pauseImageName = 'localhost/pause:1';

export type Containerd = {
  process: Supervised;
  /** The address for the kubelet. */
  endpoint: string;
  /** Imports a docker-archive tar; its names become known to the kubelet. */
  importImage(tarPath: string): Promise<void>;
};

/** Starts containerd and waits until it answers. Pods get a point-to-point link, so all traffic passes the node. */
export async function startContainerd(host: NodeHost, cniDirectory: string): Promise<Containerd> {
  const { run } = host;
  const socket = runFile(run, 'c.sock');
  await mkdir(runFile(run, 'cni'), { recursive: true });
  const cni = {
    cniVersion: '0.4.0',
    name: run.id,
    plugins: [
      {
        type: 'ptp',
        ipam: {
          type: 'host-local',
          dataDir: runFile(run, 'ipam'),
          ranges: [[{ subnet: network.podRange, gateway: network.gateway }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  };
  await writeFile(runFile(run, 'cni', '10-testbed.conflist'), JSON.stringify(cni));
  // restrict_oom_score_adj: without CAP_SYS_RESOURCE (in many containers) runc could not lower the score and would die.
  const config = `version = 2
root = "${runFile(run, 'containerd')}"
state = "${runFile(run, 'containerd-state')}"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImageName}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniDirectory}"
    conf_dir = "${runFile(run, 'cni')}"
`;
  await writeFile(runFile(run, 'containerd.toml'), config);
  const process = await host.start('containerd', ['--config', runFile(run, 'containerd.toml')], { name: 'containerd' });
  const control = (...args: string[]) => host.execute('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args]);
  await waitFor(
    'containerd',
    async () => {
      if (!process.isRunning()) throw new HopelessError(`containerd ended:\n${process.tail()}`);
      await control('version');
      return true;
    },
    { deadlineMs: 30_000, intervalMs: 50 },
  );
  return {
    process,
    endpoint: `unix://${socket}`,
    async importImage(tarPath) {
      await control('images', 'import', tarPath);
    },
  };
}
