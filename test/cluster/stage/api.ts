// Reads objects straight from the API server: tests look again and again, and a kubectl for each look would keep the machine busy.
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';
import type { Cluster } from '../../testbed/cluster.ts';

type Kubeconfig = {
  clusters: { cluster: { server: string; 'certificate-authority-data'?: string } }[];
  users: { user: Record<string, unknown> }[];
};
type Access = { server: string; agent: Agent; headers: Record<string, string> };
type Readable = Pick<Cluster, 'kubectl' | 'kubeconfigPath'>;

const TIMEOUT_MS = 10_000;
const accesses = new WeakMap<Readable, Promise<Access | undefined>>();

/** Undefined: there is no such object. Kubeconfigs with other credentials than our testbed's token go through kubectl. */
export async function readApi<T>(cluster: Readable, path: string): Promise<T | undefined> {
  const found = accesses.get(cluster) ?? openAccess(cluster.kubeconfigPath);
  accesses.set(cluster, found);
  const access = await found;
  if (access !== undefined) return await get<T>(access, path);
  try {
    return JSON.parse(await cluster.kubectl(['get', '--raw', path])) as T;
  } catch (error) {
    if (/NotFound/.test(String(error))) return undefined;
    throw error;
  }
}

async function openAccess(kubeconfigPath: string): Promise<Access | undefined> {
  const { clusters, users } = parse(await readFile(kubeconfigPath, 'utf8')) as Kubeconfig;
  const { server, 'certificate-authority-data': authority } = clusters[0]?.cluster ?? {};
  const token = users[0]?.user['token'];
  const isSingle = clusters.length === 1 && users.length === 1;
  if (!isSingle || server === undefined || authority === undefined || typeof token !== 'string') return undefined;
  const agent = new Agent({ keepAlive: true, ca: Buffer.from(authority, 'base64') });
  return { server, agent, headers: { authorization: `Bearer ${token}`, accept: 'application/json' } };
}

function get<T>({ server, agent, headers }: Access, path: string): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, server), { agent, headers, timeout: TIMEOUT_MS }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        if (response.statusCode === 404) resolve(undefined);
        else if (response.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new Error(`GET ${path}: status ${response.statusCode}: ${text.slice(0, 300)}`));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`GET ${path}: no answer within ${TIMEOUT_MS} ms`)));
    asked.on('error', (error: NodeJS.ErrnoException) => {
      // The API server may close a connection that nobody used for a while just when it is used again.
      if (asked.reusedSocket && error.code === 'ECONNRESET') resolve(get<T>({ server, agent, headers }, path));
      else reject(error);
    });
    asked.end();
  });
}
