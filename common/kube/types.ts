// The contract of our small Kubernetes client: what every process may ask of the API server. No implementation lives here.
import type { ObjectMeta } from '../../api/kinds/common.ts';

/** A resource as the API's paths name it. */
export type Resource = {
  /** '' for the core group. */
  group: string;
  version: string;
  plural: string;
  namespaced: boolean;
};

export type KubeObject = { apiVersion?: string; kind?: string; metadata: ObjectMeta };

export type ListOptions = { namespace?: string; labelSelector?: string; fieldSelector?: string };

export type ObjectList<T> = { items: T[]; resourceVersion: string };

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string };

export type ObjectName = { name: string; namespace?: string };

export type WriteOptions = { subresource?: string; signal?: AbortSignal };

/**
 * Errors: every call rejects with a SplitterError: `Conflict` (409), `PermissionDenied` (403; the message names verb, resource and
 * namespace), `ApiRejected` (other 4xx, with the API server's sentence), `ApiUnreachable` (no answer, 5xx, 429; retryable).
 * A missing object (404) is `undefined` from `get`, false from `delete`, and `ApiRejected` with details.status 404 from writes.
 */
export type KubeClient = {
  get<T extends KubeObject>(resource: Resource, object: ObjectName): Promise<T | undefined>;
  /** Consistent: read from etcd, without resourceVersion, all pages. */
  list<T extends KubeObject>(resource: Resource, options?: ListOptions): Promise<ObjectList<T>>;
  create<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  /** RFC 7386. Put `metadata.resourceVersion` and `metadata.uid` into the patch to make it conditional. */
  mergePatch<T extends KubeObject>(
    resource: Resource,
    object: ObjectName,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  /** RFC 6902. */
  jsonPatch<T extends KubeObject>(
    resource: Resource,
    object: ObjectName,
    patch: unknown[],
    options?: WriteOptions,
  ): Promise<T>;
  /** Server-side apply. */
  apply<T extends KubeObject>(
    resource: Resource,
    object: T,
    options: WriteOptions & { fieldManager: string; force?: boolean },
  ): Promise<T>;
  /** PUT; `metadata.resourceVersion` in the object makes it conditional. */
  replace<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  /** POST to a subresource, for example pods/eviction. */
  createSubresource(resource: Resource, object: ObjectName, subresource: string, body: unknown): Promise<void>;
  delete(
    resource: Resource,
    object: ObjectName,
    options?: { uid?: string; resourceVersion?: string },
  ): Promise<boolean>;
  /** Ends when the server closes it, rejects when it breaks; `Conflict` with details.status 410 when the version is too old. */
  watch<T extends KubeObject>(
    resource: Resource,
    options: ListOptions & { resourceVersion: string; timeoutSeconds: number; signal: AbortSignal },
  ): AsyncIterable<WatchEvent<T>>;
};
