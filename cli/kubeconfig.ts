// Which cluster, and as whom: kubectl's rules for --kubeconfig, KUBECONFIG, --context and the namespace. client-node reads the files and
// knows the ways to log in (tokens, certificates, exec plugins); the calls themselves are common/kube's.
import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { type Cluster, KubeConfig } from '@kubernetes/client-node';
import { SplitterError } from '../common/errors.ts';
import type { KubeConnection } from '../common/kube/connection.ts';
import { proxyFor } from './proxy.ts';

export type ClusterOptions = { kubeconfig?: string; context?: string };

type KubeAccess = {
  connection: KubeConnection;
  context: string;
  /** Of the context; undefined when it names none. */
  namespace: string | undefined;
};

/** `InvalidConfig` when there is no kubeconfig, or it has not what was asked for. */
export function loadKubeConfig(options: ClusterOptions, environment: NodeJS.ProcessEnv, home = homedir()): KubeConfig {
  const config = readFiles(options, environment, home);
  if (options.context !== undefined) {
    if (config.getContextObject(options.context) === null) {
      const known = config.getContexts().map(({ name }) => name);
      throw new SplitterError('InvalidConfig', `The kubeconfig has no context ${options.context}`, {
        details: { hint: `it has: ${known.join(', ') || 'none'}` },
      });
    }
    config.setCurrentContext(options.context);
  }
  return config;
}

function readFiles(options: ClusterOptions, environment: NodeJS.ProcessEnv, home: string): KubeConfig {
  const files = configFiles(options, environment, home);
  if (files.length > 0) return mergeFirstWins(files.map(readFile));
  const config = new KubeConfig();
  if (environment['KUBERNETES_SERVICE_HOST'] === undefined) {
    const listed = environment['KUBECONFIG'];
    const what = listed ? `KUBECONFIG names ${listed}, and there is no such file` : 'There is no kubeconfig';
    throw new SplitterError('InvalidConfig', what, {
      details: { hint: `write ${join(home, '.kube', 'config')}, set KUBECONFIG, or name a file with --kubeconfig` },
    });
  }
  config.loadFromCluster();
  return config;
}

/** --kubeconfig alone; else those files of KUBECONFIG that exist; else ~/.kube/config. */
function configFiles(options: ClusterOptions, environment: NodeJS.ProcessEnv, home: string): string[] {
  if (options.kubeconfig !== undefined) return [options.kubeconfig];
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const files = listed.length > 0 ? listed : [join(home, '.kube', 'config')];
  return files.filter((file) => existsSync(file));
}

function readFile(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (error) {
    // The first line only: the parser quotes the lines around the fault, and there may be a token in them.
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    const what = existsSync(file) ? `Cannot read the kubeconfig ${file}: ${reason}` : `There is no kubeconfig ${file}`;
    throw new SplitterError('InvalidConfig', what, { cause: error });
  }
  return config;
}

/** As kubectl merges (client-go, clientcmd/loader.go): what a file says first is not changed by a later one. client-node's last one wins. */
function mergeFirstWins(configs: readonly KubeConfig[]): KubeConfig {
  const firsts = <T extends { name: string }>(lists: readonly T[]) =>
    [...new Map([...lists].reverse().map((item) => [item.name, item])).values()].reverse();
  const merged = new KubeConfig();
  merged.loadFromOptions({
    clusters: firsts(configs.flatMap((config) => config.getClusters())).map(allowHttp),
    users: firsts(configs.flatMap((config) => config.getUsers())),
    contexts: firsts(configs.flatMap((config) => config.getContexts())),
    currentContext: configs.map((config) => config.getCurrentContext()).find((name) => name) ?? '',
  });
  return merged;
}

/** For `kubectl proxy` and the like. client-node takes http only together with this wish, which has no further meaning there. */
function allowHttp(cluster: Cluster): Cluster {
  return cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster;
}

export async function accessOf(config: KubeConfig, environment: NodeJS.ProcessEnv): Promise<KubeAccess> {
  const context = config.getContextObject(config.getCurrentContext());
  const cluster = config.getCurrentCluster();
  if (context === null || cluster === null) {
    const known = config.getContexts().map(({ name }) => name);
    throw new SplitterError('InvalidConfig', 'The kubeconfig has no current context, or its cluster is missing', {
      details: { hint: `choose one with --context: ${known.join(', ') || 'there is none'}` },
    });
  }
  const proxy = proxyFor(cluster.server, cluster.proxyUrl, environment);
  const tls = await requestOptions(config);
  return {
    connection: {
      server: cluster.server,
      ...(proxy === undefined ? {} : { proxy }),
      ...(tls.ca === undefined ? systemAuthorities(cluster) : pem('ca', tls.ca)),
      ...pem('cert', tls.cert),
      ...pem('key', tls.key),
      ...(tls.servername === undefined ? {} : { serverName: tls.servername }),
      skipTlsVerify: tls.rejectUnauthorized === false,
      // Asked before every request: tokens expire, and their plugins know when.
      headers: async () => requestHeaders(await requestOptions(config)),
    },
    context: context.name,
    namespace: context.namespace,
  };
}

/**
 * A kubeconfig without an authority means that of the system, for kubectl and so for us: Node by itself knows only those that it was
 * built with, and a company's own are not among them.
 */
function systemAuthorities({ server, skipTLSVerify }: Cluster): Pick<KubeConnection, 'ca'> {
  if (skipTLSVerify || !server.startsWith('https:')) return {};
  return { ca: [...getCACertificates('bundled'), ...getCACertificates('system')].join('\n') };
}

/** Runs the login plugin when its last answer is too old. */
async function requestOptions(config: KubeConfig): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SplitterError('PermissionDenied', `Cannot log in to the cluster as the kubeconfig says: ${reason}`, {
      cause: error,
      details: { hint: 'see whether kubectl auth whoami works' },
    });
  }
  return options;
}

function requestHeaders({ headers, auth }: RequestOptions): Record<string, string> {
  const basic = auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  const listed = Array.isArray(headers) ? [] : Object.entries(headers ?? {});
  return { ...basic, ...Object.fromEntries(listed.map(([name, value]) => [name, String(value)])) };
}

function pem(name: 'ca' | 'cert' | 'key', value: unknown): Partial<Record<'ca' | 'cert' | 'key', string>> {
  return Buffer.isBuffer(value) || typeof value === 'string' ? { [name]: value.toString() } : {};
}
