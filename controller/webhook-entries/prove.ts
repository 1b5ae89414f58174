// Asks every ready webhook endpoint over TLS, with exactly the bundle that an entry would carry, whether it knows a split's revision.
import { Agent, request } from 'undici';
import type { ObjectMeta } from '../../api/kinds/common.ts';
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { toSplitterError } from '../../common/errors.ts';
import { ENDPOINT_SLICES } from '../../common/kube/resources.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import { referenceTo, type WebhookService } from './entry.ts';

const TIMEOUT_MS = 3000;

type EndpointSlice = {
  metadata: ObjectMeta;
  ports?: { port?: number }[];
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[];
};

/** Resolves to why the webhook cannot be trusted with this split yet, or undefined when every ready endpoint can. */
export type Prove = (split: WorkloadSplit, caBundle: string) => Promise<string | undefined>;

export function createProve(client: KubeClient, service: WebhookService): Prove {
  return async (split, caBundle) => {
    const endpoints = await readyEndpoints(client, service);
    if (endpoints.length === 0)
      return `Service ${service.namespace}/${service.name} has no ready endpoint; look at the webhook's pods`;
    const agent = new Agent({
      connect: { ca: caBundle, servername: `${service.name}.${service.namespace}.svc`, timeout: TIMEOUT_MS },
    });
    try {
      const answers = await Promise.all(endpoints.map((endpoint) => ask(agent, endpoint, split)));
      return answers.find((answer) => answer !== undefined);
    } finally {
      await agent.close();
    }
  };
}

async function readyEndpoints(client: KubeClient, service: WebhookService): Promise<string[]> {
  const slices = await client.list<EndpointSlice>(ENDPOINT_SLICES, {
    namespace: service.namespace,
    labelSelector: `kubernetes.io/service-name=${service.name}`,
  });
  return slices.items.flatMap((slice) => {
    const port = slice.ports?.[0]?.port;
    const ready = (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
    return port === undefined
      ? []
      : ready.flatMap((endpoint) => endpoint.addresses.map((address) => `${hostOf(address)}:${port}`));
  });
}

function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

async function ask(agent: Agent, endpoint: string, split: WorkloadSplit): Promise<string | undefined> {
  try {
    const { statusCode, body } = await request(`https://${endpoint}/proven/${referenceTo(split)}`, {
      dispatcher: agent,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    await body.dump();
    return statusCode === 200
      ? undefined
      : `webhook ${endpoint} does not know revision ${split.spec.environmentRevision} yet`;
  } catch (error) {
    return `webhook ${endpoint}: ${toSplitterError(error).message}`;
  }
}
