/** The cluster's DNS: CoreDNS on the node's address, with the cluster's own names only. */
import { writeFile } from 'node:fs/promises';
import { type NodeHost, network, runFile } from './node-host.ts';
import type { Supervised } from './processes.ts';

/** CoreDNS says here (HTTP, path /ready) that it knows the cluster. */
export const dnsReadyPort = 8181;

/** Starts CoreDNS; no name leads out of the cluster. */
export async function startDns(host: NodeHost, coredns: string, kubeconfig: string): Promise<Supervised> {
  const config = runFile(host.run, 'Corefile');
  await writeFile(
    config,
    `.:53 {
  bind ${network.gateway}
  ready ${network.gateway}:${dnsReadyPort}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfig}
    pods verified
    ttl 1
  }
}
`,
  );
  return host.start(coredns, ['-conf', config], { name: 'coredns' });
}
