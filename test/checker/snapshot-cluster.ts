/**
 * The cluster's part of a snapshot, read through kubectl: webhook entries, the target's namespace, leases and our resources. Reads only.
 */
import type { Snapshot } from './snapshot.ts';

/** Runs `kubectl ARGS` and returns its standard output. */
export type KubectlRunner = (args: readonly string[]) => Promise<string>;

export type ClusterScope = {
  /** Namespaces whose objects must come back as they were. */
  readonly namespaces: readonly string[];
  /** Resources in these namespaces: `deployments.apps`, … */
  readonly namespaced?: readonly string[];
  /** Resources anywhere: our own. One that the API server does not know counts as none. */
  readonly everywhere?: readonly string[];
};

const NAMESPACED = [
  'deployments.apps',
  'statefulsets.apps',
  'replicasets.apps',
  'services',
  'configmaps',
  'secrets',
  'serviceaccounts',
  'roles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'poddisruptionbudgets.policy',
] as const;
const EVERYWHERE = [
  'leases.coordination.k8s.io',
  'mirrordworkloadqueueregistries.queues.mirrord.metalbear.co',
  'mirrordkafkaclientconfigs.queues.mirrord.metalbear.co',
  'mirrordkafkatopicsconsumers.queues.mirrord.metalbear.co',
  'mirrordsqssessions.queues.mirrord.metalbear.co',
  'splitsessions.queuesplitter.dev',
  'workloadsplits.queuesplitter.dev',
] as const;

type Fields = Readonly<Record<string, unknown>>;
type Item = {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly Fields[];
  };
  readonly spec?: Fields;
  readonly data?: Fields;
  readonly rules?: unknown;
  readonly webhooks?: readonly (Fields & { readonly name: string; readonly clientConfig?: Fields })[];
};

/** JSON with sorted names, so that the same content is the same text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );
}

function describeMetadata(path: string, { metadata }: Item, into: Record<string, string>): void {
  into[path] = 'exists';
  for (const [name, value] of Object.entries(metadata.labels ?? {})) into[`${path}/label/${name}`] = value;
  for (const [name, value] of Object.entries(metadata.annotations ?? {})) into[`${path}/annotation/${name}`] = value;
  for (const name of metadata.finalizers ?? []) into[`${path}/finalizer/${name}`] = 'set';
  for (const owner of metadata.ownerReferences ?? []) {
    into[`${path}/owner/${String(owner['kind'])}/${String(owner['name'])}`] = 'set';
  }
}

async function list(kubectl: KubectlRunner, resource: string, scope: readonly string[]): Promise<Item[]> {
  try {
    const text = await kubectl(['get', resource, ...scope, '-o', 'json']);
    return (JSON.parse(text) as { items: Item[] }).items;
  } catch (error) {
    if (/the server doesn't have a resource type/.test(String(error))) return [];
    throw error;
  }
}

async function snapshotNamespace(
  kubectl: KubectlRunner,
  namespace: string,
  resources: readonly string[],
  into: Record<string, string>,
): Promise<void> {
  for (const resource of resources) {
    for (const item of await list(kubectl, resource, ['-n', namespace])) {
      const path = `cluster/${namespace}/${resource}/${item.metadata.name}`;
      describeMetadata(path, item, into);
      for (const part of ['spec', 'data', 'rules'] as const) {
        if (item[part] !== undefined) into[`${path}/${part}`] = canonical(item[part]);
      }
    }
  }
  // Pods come and go with new names; what must not stay is what their template does not say.
  const pods = await list(kubectl, 'pods', ['-n', namespace]);
  for (const { metadata } of pods) {
    for (const [name, value] of Object.entries({ ...metadata.labels, ...metadata.annotations })) {
      if (name !== 'pod-template-hash') into[`cluster/${namespace}/pods/any/${name}/${value}`] = 'seen';
    }
    for (const finalizer of metadata.finalizers ?? [])
      into[`cluster/${namespace}/pods/any/finalizer/${finalizer}`] = 'seen';
  }
}

/**
 * Left out: status, resourceVersion, generation and managedFields (bookkeeping of the API server), a lease's holder and time (they tick),
 * the webhooks' CA bundle (certificates are renewed).
 */
export async function snapshotCluster(kubectl: KubectlRunner, scope: ClusterScope): Promise<Snapshot> {
  const into: Record<string, string> = {};
  for (const kind of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) {
    for (const item of await list(kubectl, kind, [])) {
      const path = `cluster/${kind}/${item.metadata.name}`;
      describeMetadata(path, item, into);
      for (const webhook of item.webhooks ?? []) {
        const { clientConfig, ...rest } = webhook;
        const { caBundle: _certificates, ...client } = clientConfig ?? {};
        into[`${path}/entry/${webhook.name}`] = canonical({ ...rest, clientConfig: client });
      }
    }
  }
  for (const item of await list(kubectl, 'namespaces', [])) {
    if (scope.namespaces.includes(item.metadata.name)) {
      describeMetadata(`cluster/namespaces/${item.metadata.name}`, item, into);
    }
  }
  for (const namespace of scope.namespaces) {
    await snapshotNamespace(kubectl, namespace, scope.namespaced ?? NAMESPACED, into);
  }
  for (const resource of scope.everywhere ?? EVERYWHERE) {
    for (const item of await list(kubectl, resource, ['--all-namespaces'])) {
      const path = `cluster/${item.metadata.namespace ?? ''}/${resource}/${item.metadata.name}`;
      describeMetadata(path, item, into);
      if (!resource.startsWith('leases.') && item.spec !== undefined) into[`${path}/spec`] = canonical(item.spec);
    }
  }
  return into;
}
