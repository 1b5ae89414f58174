/** Writes kubeconfig files for token users. */
import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';

export type KubeconfigContent = { server: string; authorityPem: string; token: string; namespace?: string };

/** Writes a kubeconfig with one cluster, one user and one context; readable only by its owner. */
export async function writeKubeconfig(path: string, content: KubeconfigContent): Promise<string> {
  const { server, authorityPem, token, namespace = 'default' } = content;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'testbed',
        cluster: { server, 'certificate-authority-data': Buffer.from(authorityPem).toString('base64') },
      },
    ],
    users: [{ name: 'testbed', user: { token } }],
    contexts: [{ name: 'testbed', context: { cluster: 'testbed', user: 'testbed', namespace } }],
    'current-context': 'testbed',
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}
