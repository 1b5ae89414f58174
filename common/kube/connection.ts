// Where the API server is and how to prove who we are. Knows the pod's own credentials; a kubeconfig is read by whoever has one (qsplit).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SplitterError } from '../errors.ts';

export type KubeConnection = {
  /** `https://host:port`, with a path where a proxy such as Rancher has one. */
  server: string;
  /** PEM; absent = the system's authorities. */
  ca?: string;
  /** PEM of a client certificate and its key. */
  cert?: string;
  key?: string;
  /** Name to expect in the server's certificate when it is not the host's. */
  serverName?: string;
  /** kubectl's `insecure-skip-tls-verify`. */
  skipTlsVerify?: boolean;
  /** URL of an HTTP, HTTPS or SOCKS5 proxy on the way; absent = none, whatever the environment says. */
  proxy?: string;
  /** Asked before every request, so that tokens may change: usually `{authorization: 'Bearer …'}`. */
  headers?: () => Promise<Record<string, string>> | Record<string, string>;
};

/** Where the kubelet mounts it, unless QUEUE_SPLITTER_SERVICE_ACCOUNT_DIRECTORY names another mount (a projected token, a test). */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The connection of a pod by its service account. The kubelet replaces the token about every hour: it is read again for each request
 * (a file in memory; cheaper than noticing the change).
 * @throws SplitterError `CredentialsMissing` outside of a pod, or where `automountServiceAccountToken` is off.
 */
export async function inClusterConnection(environment: Record<string, string | undefined>): Promise<KubeConnection> {
  const directory = environment['QUEUE_SPLITTER_SERVICE_ACCOUNT_DIRECTORY'] ?? SERVICE_ACCOUNT;
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (!host) {
    throw new SplitterError(
      'CredentialsMissing',
      'KUBERNETES_SERVICE_HOST is not set: this process must run in a pod. Install it with the Helm chart.',
    );
  }
  const tokenFile = join(directory, 'token');
  await readCredential(tokenFile);
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: await readCredential(join(directory, 'ca.crt')),
    headers: async () => ({ authorization: `Bearer ${(await readCredential(tokenFile)).trim()}` }),
  };
}

async function readCredential(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new SplitterError(
      'CredentialsMissing',
      `Cannot read ${file}: the pod has no service account token. Set automountServiceAccountToken: true for it.`,
      { cause },
    );
  }
}
