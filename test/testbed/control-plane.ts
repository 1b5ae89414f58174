/** etcd, API server, controllers and scheduler of a cluster, each with the identity that it has in real clusters. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { makeServingCertificate, makeSigningKey } from './certificates.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { type NodeHost, network, runFile } from './node-host.ts';
import type { Supervised } from './processes.ts';
import type { KubernetesBinaries } from './toolchain/kubernetes.ts';

export const apiPort = 6443;
export const nodeName = 'node1';

export type ControlPlaneIdentity = 'admin' | 'kubelet' | 'proxy' | 'controllers' | 'scheduler' | 'dns';

export type ControlPlane = {
  authorityPem: string;
  adminToken: string;
  /** Kubeconfigs that are valid inside the cluster's network. */
  kubeconfigs: Record<ControlPlaneIdentity, string>;
  apiServer: Supervised;
  etcd: Supervised;
  auditLogPath: string | undefined;
  /** Starts what needs a working API server. */
  startControllers(): Promise<Supervised[]>;
};

const identities: Record<ControlPlaneIdentity, { user: string; groups: string }> = {
  admin: { user: 'testbed-admin', groups: 'system:masters' },
  kubelet: { user: `system:node:${nodeName}`, groups: 'system:nodes' },
  proxy: { user: 'system:kube-proxy', groups: '' },
  controllers: { user: 'system:kube-controller-manager', groups: '' },
  scheduler: { user: 'system:kube-scheduler', groups: '' },
  dns: { user: 'testbed-dns', groups: 'system:masters' },
};

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`;

/** Starts etcd and the API server; whether they are ready is for the caller to see. */
export async function startControlPlane(
  host: NodeHost,
  binaries: KubernetesBinaries,
  audit: boolean,
): Promise<ControlPlane> {
  const { run } = host;
  const pki = runFile(run, 'pki');
  await mkdir(pki, { recursive: true });
  const client = 'http://127.0.0.1:2379';
  const etcd = await host.start(
    'etcd',
    [
      ...[
        '--data-dir',
        runFile(run, 'etcd', 'data'),
        '--listen-client-urls',
        client,
        '--advertise-client-urls',
        client,
      ],
      ...['--listen-peer-urls', 'http://127.0.0.1:2380', '--logger', 'zap', '--log-level', 'warn'],
    ],
    { name: 'etcd' },
  );
  const serving = await makeServingCertificate(
    ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'],
    ['127.0.0.1', network.gateway, network.apiService],
  );
  const tokens = mapIdentities(() => randomBytes(24).toString('hex'));
  await Promise.all([
    writeFile(`${pki}/ca.crt`, serving.authorityPem),
    writeFile(`${pki}/api.crt`, serving.certificatePem),
    writeFile(`${pki}/api.key`, serving.keyPem, { mode: 0o600 }),
    writeFile(`${pki}/accounts.key`, makeSigningKey(), { mode: 0o600 }),
    writeFile(`${pki}/tokens.csv`, tokenFile(tokens), { mode: 0o600 }),
    writeFile(`${pki}/audit.yaml`, auditPolicy),
  ]);
  const server = `https://127.0.0.1:${apiPort}`;
  const kubeconfigs = mapIdentities((name) => `${pki}/${name}.kubeconfig`);
  for (const name of Object.keys(identities) as ControlPlaneIdentity[]) {
    await writeKubeconfig(kubeconfigs[name], { server, authorityPem: serving.authorityPem, token: tokens[name] });
  }
  const auditLogPath = audit ? runFile(run, 'audit.log') : undefined;
  const apiServer = await host.start(
    binaries.apiServer,
    [
      `--etcd-servers=${client}`,
      `--secure-port=${apiPort}`,
      `--advertise-address=${network.gateway}`,
      `--tls-cert-file=${pki}/api.crt`,
      `--tls-private-key-file=${pki}/api.key`,
      `--cert-dir=${pki}`,
      `--service-account-key-file=${pki}/accounts.key`,
      `--service-account-signing-key-file=${pki}/accounts.key`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--token-auth-file=${pki}/tokens.csv`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      `--service-cluster-ip-range=${network.serviceRange}`,
      '--allow-privileged=true',
      '--kubelet-preferred-address-types=InternalIP',
      ...(auditLogPath === undefined
        ? []
        : [`--audit-policy-file=${pki}/audit.yaml`, `--audit-log-path=${auditLogPath}`, '--audit-log-maxsize=1024']),
    ],
    { name: 'kube-apiserver' },
  );
  return {
    authorityPem: serving.authorityPem,
    adminToken: tokens.admin,
    kubeconfigs,
    apiServer,
    etcd,
    auditLogPath,
    startControllers: () =>
      Promise.all([
        host.start(
          binaries.controllerManager,
          [
            `--kubeconfig=${kubeconfigs.controllers}`,
            '--leader-elect=false',
            ...['--kube-api-qps=500', '--kube-api-burst=1000'],
            '--use-service-account-credentials=true',
            `--service-account-private-key-file=${pki}/accounts.key`,
            `--root-ca-file=${pki}/ca.crt`,
            `--cert-dir=${pki}/controllers`,
          ],
          { name: 'kube-controller-manager' },
        ),
        host.start(binaries.scheduler, [`--kubeconfig=${kubeconfigs.scheduler}`, '--leader-elect=false'], {
          name: 'kube-scheduler',
          cwd: run.directory,
        }),
      ]),
  };
}

function mapIdentities(value: (name: ControlPlaneIdentity) => string): Record<ControlPlaneIdentity, string> {
  return Object.fromEntries(
    (Object.keys(identities) as ControlPlaneIdentity[]).map((name) => [name, value(name)]),
  ) as Record<ControlPlaneIdentity, string>;
}

/** Lines of `token,user,uid,"groups"` (Kubernetes: Authenticating, static token file). */
function tokenFile(tokens: Record<ControlPlaneIdentity, string>): string {
  return (Object.keys(identities) as ControlPlaneIdentity[])
    .map((name) => `${tokens[name]},${identities[name].user},${name},"${identities[name].groups}"\n`)
    .join('');
}
