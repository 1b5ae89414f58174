// The Kubernetes client of every process: the verbs of `types.ts` as HTTP requests. Decides nothing and remembers nothing; no client-node here.
import { type Clock, systemClock } from '../clock.ts';
import { SplitterError } from '../errors.ts';
import { type Call, isExpired, isNotFound } from './api-error.ts';
import type { KubeConnection } from './connection.ts';
import { nameOf } from './keys.ts';
import { createTransport } from './transport.ts';
import type { KubeClient, KubeObject, ListOptions, ObjectList, ObjectName, Resource, WriteOptions } from './types.ts';
import { readWatch } from './watch-stream.ts';

export type KubeClientOptions = {
  /** Appears in the API server's audit log, for example `queue-splitter-webhook/0.1.0`. */
  userAgent: string;
  /** Field manager of creates and patches; apply names its own. */
  fieldManager?: string;
  /** Limit for one call, repetitions included; for a watch until its first byte. */
  requestTimeoutMs?: number;
  /** A watch in which nothing arrives for so long is broken. */
  watchSilenceMs?: number;
  clock?: Clock;
};

/** API server's pages; large enough that most lists are one request, small enough not to hold it up. */
const PAGE_SIZE = 500;

const MERGE_PATCH = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';
const JSON_BODY = 'application/json';

type RawList<T> = {
  apiVersion?: string;
  kind?: string;
  metadata: { resourceVersion?: string; continue?: string };
  items: T[] | null;
};

/** `close` drops all connections; running calls reject. */
export function createKubeClient(
  connection: KubeConnection,
  options: KubeClientOptions,
): KubeClient & { close(): Promise<void> } {
  const {
    fieldManager = 'queue-splitter',
    requestTimeoutMs = 30_000,
    watchSilenceMs = 150_000,
    clock = systemClock,
  } = options;
  const transport = createTransport(connection, { userAgent: options.userAgent, requestTimeoutMs, clock });

  type Write = {
    method: 'POST' | 'PUT' | 'PATCH';
    contentType: string;
    body: unknown;
    manager?: string;
    force?: boolean;
  };

  async function write<T>(
    call: Call,
    { method, contentType, body, ...rest }: Write,
    options: WriteOptions = {},
  ): Promise<T> {
    const query = {
      fieldManager: rest.manager ?? fieldManager,
      force: rest.force ? 'true' : undefined,
    };
    // On create the name is in the body, not in the path.
    const path = objectPath(
      call.resource,
      method === 'POST' && !call.subresource ? { ...call, name: undefined } : call,
    );
    return (await transport.send({ call, method, path, query, contentType, body, signal: options.signal })) as T;
  }

  async function page<T>(call: Call, options: ListOptions, limit: number | undefined, token: string | undefined) {
    const query = { ...selectors(options), limit: limit?.toString(), continue: token };
    return (await transport.send({ call, method: 'GET', path: objectPath(call.resource, call), query })) as RawList<T>;
  }

  async function pages<T extends KubeObject>(call: Call, options: ListOptions): Promise<ObjectList<T>> {
    const items: T[] = [];
    let token: string | undefined;
    for (;;) {
      const list = await page<T>(call, options, PAGE_SIZE, token);
      for (const item of list.items ?? []) items.push(withKind(item, list));
      token = list.metadata.continue || undefined;
      if (token === undefined) return { items, resourceVersion: list.metadata.resourceVersion ?? '' };
    }
  }

  return {
    async get<T extends KubeObject>(resource: Resource, object: ObjectName) {
      const call = { verb: 'get', resource, ...object };
      return absentAsUndefined(
        transport.send({ call, method: 'GET', path: objectPath(resource, object) }) as Promise<T>,
      );
    },

    async list<T extends KubeObject>(resource: Resource, options: ListOptions = {}) {
      const call = { verb: 'list', resource, ...place(options) };
      try {
        return await pages<T>(call, options);
      } catch (error) {
        if (!isExpired(error)) throw error;
        // The snapshot of the first page was compacted away: once more, in one piece.
        const list = await page<T>(call, options, undefined, undefined);
        return {
          items: (list.items ?? []).map((item) => withKind(item, list)),
          resourceVersion: list.metadata.resourceVersion ?? '',
        };
      }
    },

    create: <T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions) =>
      write<T>(
        { verb: 'create', resource, ...nameOf(object), ...sub(options) },
        { method: 'POST', contentType: JSON_BODY, body: object },
        options,
      ),

    mergePatch: <T extends KubeObject>(
      resource: Resource,
      object: ObjectName,
      patch: unknown,
      options?: WriteOptions,
    ) =>
      write<T>(
        { verb: 'patch', resource, ...object, ...sub(options) },
        { method: 'PATCH', contentType: MERGE_PATCH, body: patch },
        options,
      ),

    jsonPatch: <T extends KubeObject>(
      resource: Resource,
      object: ObjectName,
      patch: unknown[],
      options?: WriteOptions,
    ) =>
      write<T>(
        { verb: 'patch', resource, ...object, ...sub(options) },
        { method: 'PATCH', contentType: JSON_PATCH, body: patch },
        options,
      ),

    apply: <T extends KubeObject>(
      resource: Resource,
      object: T,
      options: WriteOptions & { fieldManager: string; force?: boolean },
    ) =>
      write<T>(
        { verb: 'patch', resource, ...nameOf(object), ...sub(options) },
        {
          method: 'PATCH',
          contentType: APPLY_PATCH,
          body: object,
          manager: options.fieldManager,
          force: options.force ?? false,
        },
        options,
      ),

    replace: <T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions) =>
      write<T>(
        { verb: 'update', resource, ...nameOf(object), ...sub(options) },
        { method: 'PUT', contentType: JSON_BODY, body: object },
        options,
      ),

    async createSubresource(resource: Resource, object: ObjectName, subresource: string, body: unknown) {
      await write(
        { verb: 'create', resource, ...object, subresource },
        { method: 'POST', contentType: JSON_BODY, body },
      );
    },

    async delete(resource: Resource, object: ObjectName, preconditions = {}) {
      const call = { verb: 'delete', resource, ...object };
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
      const path = objectPath(resource, object);
      const answer = await absentAsUndefined(
        transport.send({ call, method: 'DELETE', path, contentType: JSON_BODY, body }),
      );
      return answer !== undefined;
    },

    async *watch<T extends KubeObject>(
      resource: Resource,
      options: ListOptions & { resourceVersion: string; timeoutSeconds: number; signal: AbortSignal },
    ) {
      const call = { verb: 'watch', resource, ...place(options) };
      const query = {
        ...selectors(options),
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: options.resourceVersion,
        timeoutSeconds: String(options.timeoutSeconds),
      };
      const { signal } = options;
      const body = await transport.open({ call, method: 'GET', path: objectPath(resource, call), query, signal });
      yield* readWatch<T>(body, { call, server: transport.server, clock, silenceMs: watchSilenceMs, signal });
    },

    close: transport.close,
  };
}

/** Kubernetes' REST paths. A namespaced resource without a namespace means all namespaces and is for lists and watches only. */
function objectPath(
  resource: Resource,
  object: { name?: string | undefined; namespace?: string | undefined; subresource?: string | undefined },
): string {
  if (resource.namespaced && object.namespace === undefined && object.name !== undefined) {
    throw new SplitterError('Internal', `A namespace is needed to name ${resource.plural} "${object.name}".`);
  }
  const segments = [
    ...(resource.group === '' ? ['api'] : ['apis', resource.group]),
    resource.version,
    ...(resource.namespaced && object.namespace !== undefined ? ['namespaces', object.namespace] : []),
    resource.plural,
    ...(object.name === undefined ? [] : [object.name]),
    ...(object.subresource === undefined ? [] : object.subresource.split('/')),
  ];
  return `/${segments.map(encodeURIComponent).join('/')}`;
}

function place(options: ListOptions): { namespace?: string } {
  return options.namespace === undefined ? {} : { namespace: options.namespace };
}

function selectors(options: ListOptions) {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}

function sub(options: WriteOptions | undefined): { subresource?: string } {
  return options?.subresource === undefined ? {} : { subresource: options.subresource };
}

/** Items of lists come without kind and version; they get them, so that they look like those of a watch. */
function withKind<T extends KubeObject>(item: T, list: RawList<T>): T {
  if (list.kind === undefined || list.apiVersion === undefined || item.kind !== undefined) return item;
  return { apiVersion: list.apiVersion, kind: list.kind.replace(/List$/, ''), ...item };
}

async function absentAsUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
