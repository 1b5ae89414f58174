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

type Answer = { code: number; body: unknown };
type Stored = { path: string; object: KubeObject };
type LoggedEvent = { version: number; path: string; line: string };
type Watcher = { prefix: string; response: ServerResponse };

const OBJECT_PATH =
  /^(?<collection>\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+))(?:\/(?<name>[^/]+))?(?:\/(?<subresource>.+))?$/;

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
    if (request.method === 'GET' && request.query.has('watch')) {
      this.#watch(request, response);
      return;
    }
    const { code, body } = this.#answer(request);
    json(response, code, body);
  }

  #answer(request: SeenRequest): Answer {
    const { name, subresource, collection = '' } = OBJECT_PATH.exec(request.path)?.groups ?? {};
    if (request.method === 'GET' && name === undefined) return this.#list(request);
    if (request.method === 'POST') {
      return subresource === undefined ? this.#create(collection, request.body as KubeObject) : SUCCESS;
    }
    const path = subresource === undefined ? request.path : request.path.slice(0, -subresource.length - 1);
    const current = this.#objects.get(path)?.object;
    if (!current) {
      const isApply = request.method === 'PATCH' && request.query.has('force');
      return isApply
        ? { code: 201, body: this.put(path, request.body as KubeObject) }
        : refusal(404, 'NotFound', `"${name}" not found`);
    }
    if (request.method === 'GET') return { code: 200, body: current };
    if (request.method === 'DELETE') return this.#delete(path, current, request);
    return this.#change(path, current, request);
  }

  #create(collection: string, object: KubeObject): Answer {
    const { name } = object.metadata;
    const path = `${collection}/${name}`;
    if (this.#objects.has(path)) return refusal(409, 'AlreadyExists', `"${name}" already exists`);
    return { code: 201, body: this.put(path, object) };
  }

  #change(path: string, current: KubeObject, { body, headers }: SeenRequest): Answer {
    const wanted = (body ?? {}) as Partial<KubeObject>;
    const version = wanted.metadata?.resourceVersion;
    if (version !== undefined && version !== current.metadata.resourceVersion) {
      return refusal(409, 'Conflict', 'the object has been modified');
    }
    const isMerge = headers['content-type'] === 'application/merge-patch+json';
    const next = isMerge
      ? (mergePatch(current, wanted) as KubeObject)
      : { ...current, ...wanted, metadata: current.metadata };
    return { code: 200, body: this.put(path, next) };
  }

  #delete(path: string, current: KubeObject, request: SeenRequest): Answer {
    const { preconditions } = (request.body ?? {}) as { preconditions?: { uid?: string } };
    if (preconditions?.uid !== undefined && preconditions.uid !== current.metadata.uid) {
      return refusal(409, 'Conflict', 'the UID in the precondition does not match');
    }
    this.remove(path);
    return SUCCESS;
  }

  #list({ path, query }: SeenRequest): Answer {
    const items = [...this.#objects.values()].filter((stored) => isIn(stored.path, path)).map(({ object }) => object);
    const from = Number(query.get('continue') ?? 0);
    const limit = Number(query.get('limit') ?? items.length);
    const rest = items.length > from + limit ? { continue: String(from + limit) } : {};
    const metadata = { resourceVersion: String(this.#version), ...rest };
    return {
      code: 200,
      body: { apiVersion: 'v1', kind: 'ThingList', metadata, items: items.slice(from, from + limit) },
    };
  }

  #watch({ path: prefix, query }: SeenRequest, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const since = Number(query.get('resourceVersion'));
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

const SUCCESS: Answer = { code: 200, body: { kind: 'Status', status: 'Success' } };

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

export function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A refusal as the API server words it. */
export function status(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  json(response, code, refusal(code, reason, message).body, headers);
}

function refusal(code: number, reason: string, message: string): Answer {
  return { code, body: { kind: 'Status', status: 'Failure', code, reason, message } };
}
