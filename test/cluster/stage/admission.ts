// Asks one webhook replica as an API server would: POST of an AdmissionReview about a new pod, to its own address.
import { Agent, request } from 'node:https';
import type { Cluster } from '../../testbed/cluster.ts';

const WEBHOOK_PORT = 10250;
const TIMEOUT_MS = 10_000;

export type Admission = { response: { uid: string; allowed: boolean; patch?: string; status?: { message: string } } };

/** `path` as in an entry: `/mutate/<namespace>/<split>/<uid>/<revision>`. */
export async function askWebhook(
  cluster: Pick<Cluster, 'forwardTo'>,
  podAddress: string,
  path: string,
  namespace: string,
): Promise<Admission> {
  const way = await cluster.forwardTo({ host: podAddress, port: WEBHOOK_PORT });
  const pod = { metadata: {}, spec: { containers: [{ name: 'worker', image: 'any' }] } };
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'asked-by-a-test',
      operation: 'CREATE',
      namespace,
      resource: { group: '', version: 'v1', resource: 'pods' },
      object: pod,
    },
  };
  // Its certificate is for the Service's name; who it is does not matter here.
  const agent = new Agent({ rejectUnauthorized: false });
  try {
    return await post(`https://${way.host}:${way.port}${path}`, agent, JSON.stringify(review));
  } finally {
    agent.destroy();
    await way.close();
  }
}

function post(url: string, agent: Agent, body: string): Promise<Admission> {
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent, headers, timeout: TIMEOUT_MS }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        if (response.statusCode === 200) resolve(JSON.parse(text) as Admission);
        else reject(new Error(`status ${response.statusCode}: ${text}`));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('the webhook did not answer')));
    asked.on('error', reject);
    asked.end(body);
  });
}
