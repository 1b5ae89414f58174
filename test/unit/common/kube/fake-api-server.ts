// A small Kubernetes API server in memory: objects, resource versions, list pages, watches, and faults on demand. It knows no kinds and no
// admission. What it must get right is what our client relies on: versions, conflicts, 410, streams.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { KubeObject } from '../../../../common/kube/types.ts';

export type SeenRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: unknown;
};

type Fault = {
  matches: (request: SeenRequest) => boolean;
  answer: (response: ServerResponse) => void;
  reached: () => void;
};

type Stored = { path: string; object: KubeObject };
type LoggedEvent = { version: number; path: string; line: string };
type Watcher = { prefix: string; response: ServerResponse };

const OBJECT_PATH = /^(?<collection>\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+))(?:\/(?<name>[^/]+))?(?:\/(?<subresource>.+))?$/;

export class FakeApiServer {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #objects = new Map<string, Stored>();
  readonly #log: LoggedEvent[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #faults: Fault[] = [];
  #version = 100;
  #oldestVersion = 0;

  constructor(tls?: { key: string; cert: string }) {
    const handle = (request: IncomingMessage, response: ServerResponse) => void this.#handle(request, response);
    this.#server = tls ? createTlsServer(tls, handle) : createServer(handle);
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Creates or changes an object as somebody else would; `path` is the object's full path. */
  put(path: string, object: Omit<KubeObject, 'metadata'> & { metadata?: Partial<KubeObject['metadata']> }): KubeObject {
    const { name = '', namespace } = OBJECT_PATH.exec(path)?.groups ?? {};
    const before = this.#objects.get(path)?.object;
    const version = this.#nextVersion();
    const metadata = {
      uid: `uid-${version}`,
      ...before?.metadata,
      ...object.metadata,
      name,
      ...(namespace !== undefined && { namespace }),
      resourceVersion: String(version),
    };
    const stored = { ...object, metadata };
    this.#objects.set(path, { path, object: stored });
    this.#emit(version, path, before ? 'MODIFIED' : 'ADDED', stored);
    return stored;
  }

  remove(path: string): void {
    const stored = this.#objects.get(path);
    if (!stored) return;
    this.#objects.delete(path);
    const version = this.#nextVersion();
    this.#emit(version, path, 'DELETED', {
      ...stored.object,
      metadata: { ...stored.object.metadata, resourceVersion: String(version) },
    });
  }

  object<T extends KubeObject>(path: string): T | undefined {
    return this.#objects.get(path)?.object as T | undefined;
  }

  /** The next request that matches is answered so; resolves when it came. */
  failNext(matches: (request: SeenRequest) => boolean, answer: (response: ServerResponse) => void): Promise<void> {
    return new Promise((reached) => this.#faults.push({ matches, answer, reached }));
  }

  /** Ends every watch as a server does at its time limit. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
  }

  /** Cuts every watch in the middle of an event. */
  breakWatches(): void {
    for (const { response } of this.#watchers) {
      response.write('{"type":"MODIFIED","object":{"metadata":{"na', () => response.destroy());
    }
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.#nextVersion()) } };
    for (const { response } of this.#watchers) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Every watch gets the error 410, and older versions are not served any more. */
  expire(): void {
    this.#oldestVersion = this.#nextVersion();
    for (const { response } of this.#watchers) response.end(`${JSON.stringify(EXPIRED_EVENT)}\n`);
  }

  #nextVersion(): number {
    this.#version += 1;
    return this.#version;
  }

  #emit(version: number, path: string, type: string, object: KubeObject): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#log.push({ version, path, line });
    for (const { prefix, response } of this.#watchers) if (isIn(path, prefix)) response.write(line);
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? '/', 'http://localhost');
    const raw = await text(message);
    const request: SeenRequest = {
      method: message.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
      body: raw === '' ? undefined : JSON.parse(raw),
    };
    this.requests.push(request);
    const index = this.#faults.findIndex((fault) => fault.matches(request));
    const [fault] = index === -1 ? [] : this.#faults.splice(index, 1);
    if (fault) {
      fault.reached();
      fault.answer(response);
      return;
    }
    this.#route(request, response);
  }

  #route(request: SeenRequest, response: ServerResponse): void {
    const { name, subresource, collection = '' } = OBJECT_PATH.exec(request.path)?.groups ?? {};
    const path = request.path;
    const current = this.#objects.get(path)?.object;
    if (request.method === 'GET' && name === undefined) {
      if (request.query.get('watch')) this.#watch(path, request, response);
      else this.#list(path, request, response);
      return;
    }
    if (request.method === 'POST' && subresource === undefined) {
      const object = request.body as KubeObject;
      const created = `${collection}/${object.metadata.name}`;
      if (this.#objects.has(created)) return status(response, 409, 'AlreadyExists', `"${object.metadata.name}" already exists`);
      return json(response, 201, this.put(created, object));
    }
    if (request.method === 'POST') return json(response, 201, { kind: 'Status', status: 'Success' });
    const target = subresource === undefined ? current : this.#objects.get(path.slice(0, -subresource.length - 1))?.object;
    if (!target) {
      if (request.method === 'PATCH' && request.query.has('force')) {
        return json(response, 201, this.put(path, request.body as KubeObject));
      }
      return status(response, 404, 'NotFound', `"${name}" not found`);
    }
    if (request.method === 'GET') return json(response, 200, target);
    if (request.method === 'DELETE') return this.#delete(path, target, request, response);
    const wanted = (request.body ?? {}) as Partial<KubeObject>;
    const conflict = wanted.metadata?.resourceVersion !== undefined && wanted.metadata.resourceVersion !== target.metadata.resourceVersion;
    if (conflict) return status(response, 409, 'Conflict', 'the object has been modified');
    const isMerge = request.headers['content-type'] === 'application/merge-patch+json';
    const next = isMerge ? (mergePatch(target, wanted) as KubeObject) : { ...target, ...wanted, metadata: target.metadata };
    json(response, 200, this.put(subresource === undefined ? path : path.slice(0, -subresource.length - 1), next));
  }

  #delete(path: string, target: KubeObject, request: SeenRequest, response: ServerResponse): void {
    const { preconditions } = (request.body ?? {}) as { preconditions?: { uid?: string } };
    if (preconditions?.uid !== undefined && preconditions.uid !== target.metadata.uid) {
      return status(response, 409, 'Conflict', 'the UID in the precondition does not match');
    }
    this.remove(path);
    json(response, 200, { kind: 'Status', status: 'Success' });
  }

  #list(path: string, request: SeenRequest, response: ServerResponse): void {
    const items = [...this.#objects.values()].filter((stored) => isIn(stored.path, path)).map((stored) => stored.object);
    const from = Number(request.query.get('continue') ?? 0);
    const limit = Number(request.query.get('limit') ?? items.length);
    const rest = items.length > from + limit ? { continue: String(from + limit) } : {};
    json(response, 200, {
      apiVersion: 'v1',
      kind: 'ThingList',
      metadata: { resourceVersion: String(this.#version), ...rest },
      items: items.slice(from, from + limit),
    });
  }

  #watch(prefix: string, request: SeenRequest, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const since = Number(request.query.get('resourceVersion'));
    if (since < this.#oldestVersion) {
      response.end(`${JSON.stringify(EXPIRED_EVENT)}\n`);
      return;
    }
    for (const event of this.#log) if (event.version > since && isIn(event.path, prefix)) response.write(event.line);
    const watcher = { prefix, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }
}

const EXPIRED_EVENT = {
  type: 'ERROR',
  object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version', metadata: {} },
};

/** A collection without a namespace holds the objects of all namespaces. */
function isIn(path: string, collection: string): boolean {
  const { namespace, plural } = OBJECT_PATH.exec(collection)?.groups ?? {};
  const groups = OBJECT_PATH.exec(path)?.groups;
  if (groups?.['plural'] !== plural) return false;
  return namespace === undefined || groups?.['namespace'] === namespace;
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof target === 'object' ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

export function json(response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function status(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  json(response, code, { kind: 'Status', status: 'Failure', code, reason, message }, headers);
}
