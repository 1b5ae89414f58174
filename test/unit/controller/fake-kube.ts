// A Kubernetes API in memory, as a KubeClient: resource versions, generations and conflicts, finalizers and deletion timestamps, merge patches with the
// status subresource, uid preconditions, evictions, watches, and faults on demand. It knows no schemas, no admission and no controllers.
import { isDeepStrictEqual } from 'node:util';
import type { ObjectMeta } from '../../../api/kinds/common.ts';
import { SplitterError } from '../../../common/errors.ts';
import { objectKey } from '../../../common/kube/keys.ts';
import type {
  KubeClient,
  KubeObject,
  ListOptions,
  ObjectName,
  Resource,
  WatchEvent,
  WriteOptions,
} from '../../../common/kube/types.ts';
import { matchesSelector } from './label-selector.ts';

type Stored = KubeObject & { spec?: unknown; status?: unknown };
type Preconditions = { uid?: string; resourceVersion?: string };
type Logged = { version: number; resource: string; event: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored } };

/** Groups whose kinds have a status subresource here. */
const WITH_STATUS = ['queuesplitter.dev', 'queues.mirrord.metalbear.co'];

export class FakeKube implements KubeClient {
  /** Every write that succeeded: `patch splitsessions shop/alice`. */
  readonly writes: string[] = [];
  readonly #objects = new Map<string, Stored>();
  readonly #log: Logged[] = [];
  readonly #faults: { call: string; error: SplitterError; times: number }[] = [];
  readonly #hooks: { call: string; run: () => void }[] = [];
  #version = 0;
  #news = Promise.withResolvers<void>();

  // — for tests —

  /** As somebody else creates or changes it. */
  put<T extends object>(resource: Resource, object: T): T {
    const given = object as unknown as Stored;
    const before = this.#objects.get(idOf(resource, given.metadata));
    return this.#store(resource, { ...given, metadata: { ...before?.metadata, ...given.metadata } }) as unknown as T;
  }

  /** undefined when it is not there. */
  peek<T extends object>(resource: Resource, object: ObjectName): T | undefined {
    return structuredClone(this.#objects.get(idOf(resource, object))) as unknown as T | undefined;
  }

  all(resource: Resource): Stored[] {
    return [...this.#objects].filter(([id]) => id.startsWith(`${kindOf(resource)} `)).map(([, object]) => object);
  }

  remove(resource: Resource, object: ObjectName): void {
    const stored = this.#objects.get(idOf(resource, object));
    if (stored) this.#forget(resource, stored);
  }

  /** The next calls fail; `call` is verb and plural name: `create leases`. */
  fail(call: string, error: SplitterError, times = 1): void {
    this.#faults.push({ call, error, times });
  }

  /** Something happens just before the next call of that kind reaches the server. */
  before(call: string, run: () => void): void {
    this.#hooks.push({ call, run });
  }

  // — the client —

  async get<T extends KubeObject>(resource: Resource, object: ObjectName): Promise<T | undefined> {
    this.#arrive('get', resource);
    return this.peek<T>(resource, object);
  }

  async list<T extends KubeObject>(resource: Resource, options: ListOptions = {}) {
    this.#arrive('list', resource);
    const items = this.all(resource).filter((object) => isListed(object, options));
    return { items: structuredClone(items) as unknown as T[], resourceVersion: String(this.#version) };
  }

  async create<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    this.#arrive('create', resource);
    const id = idOf(resource, object.metadata);
    if (this.#objects.has(id)) throw refusal(409, 'AlreadyExists', `${id} already exists`);
    const { namespace } = object.metadata;
    const home = this.#objects.get(`namespaces. ${namespace}`);
    if (home?.metadata.deletionTimestamp) throw refusal(403, 'Forbidden', `namespace ${namespace} is being terminated`);
    const { status: _, ...rest } = structuredClone(object) as Stored;
    const stored = this.#store(resource, hasStatus(resource) ? rest : (structuredClone(object) as Stored));
    return this.#written('create', resource, stored);
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource,
    object: ObjectName,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    this.#arrive('patch', resource);
    const before = this.#existing(resource, object);
    this.#check(before, (patch as Partial<KubeObject>).metadata ?? {});
    const merged = merge(before, patch) as Stored;
    return this.#update<T>('patch', resource, before, merged, options.subresource);
  }

  async replace<T extends KubeObject>(resource: Resource, object: T, options: WriteOptions = {}): Promise<T> {
    this.#arrive('update', resource);
    const before = this.#existing(resource, object.metadata);
    this.#check(before, object.metadata);
    return this.#update<T>('update', resource, before, structuredClone(object) as Stored, options.subresource);
  }

  /** One field manager, which owns whatever it writes. */
  async apply<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    this.#arrive('apply', resource);
    const before = this.#objects.get(idOf(resource, object.metadata));
    if (!before && object.metadata.uid) throw refusal(409, 'Conflict', 'an object with that uid does not exist');
    if (!before) return this.#written('apply', resource, this.#store(resource, structuredClone(object) as Stored));
    this.#check(before, object.metadata);
    return this.#update<T>('apply', resource, before, merge(before, object) as Stored);
  }

  async jsonPatch<T extends KubeObject>(): Promise<T> {
    throw new Error('the controller makes no JSON patches');
  }

  async createSubresource(resource: Resource, object: ObjectName, subresource: string, body: unknown): Promise<void> {
    this.#arrive(subresource, resource);
    const { preconditions } = (body as { deleteOptions?: { preconditions?: Preconditions } }).deleteOptions ?? {};
    this.#existing(resource, object);
    await this.delete(resource, object, preconditions ?? {});
  }

  async delete(resource: Resource, object: ObjectName, preconditions: Preconditions = {}): Promise<boolean> {
    this.#arrive('delete', resource);
    const before = this.#objects.get(idOf(resource, object));
    if (!before) return false;
    this.#check(before, preconditions);
    this.writes.push(`delete ${resource.plural} ${objectKey(object)}`);
    const { deletionTimestamp, finalizers = [] } = before.metadata;
    if (finalizers.length === 0) this.#forget(resource, before);
    else if (!deletionTimestamp) this.#store(resource, { ...before, metadata: { ...before.metadata, ...dying() } });
    return true;
  }

  async *watch<T extends KubeObject>(
    resource: Resource,
    options: ListOptions & { resourceVersion: string; timeoutSeconds: number; signal: AbortSignal },
  ): AsyncIterable<WatchEvent<T>> {
    let seen = Number(options.resourceVersion);
    const ended = new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
    while (!options.signal.aborted) {
      const fresh = this.#log.filter((entry) => entry.version > seen && entry.resource === kindOf(resource));
      for (const { version, event } of fresh) {
        seen = version;
        if (isListed(event.object, options)) yield structuredClone(event) as unknown as WatchEvent<T>;
      }
      if (fresh.length === 0) await Promise.race([this.#news.promise, ended]);
    }
  }

  // — inside —

  #arrive(verb: string, { plural }: Resource): void {
    const call = `${verb} ${plural}`;
    const hook = this.#hooks.findIndex((candidate) => candidate.call === call);
    if (hook >= 0) for (const { run } of this.#hooks.splice(hook, 1)) run();
    const fault = this.#faults.find((candidate) => candidate.call === call && candidate.times > 0);
    if (!fault) return;
    fault.times -= 1;
    throw fault.error;
  }

  #existing(resource: Resource, object: ObjectName): Stored {
    const stored = this.#objects.get(idOf(resource, object));
    if (!stored) throw refusal(404, 'NotFound', `${idOf(resource, object)} not found`);
    return stored;
  }

  #check({ metadata }: Stored, { uid, resourceVersion }: Preconditions): void {
    if (uid !== undefined && uid !== metadata.uid) throw refusal(409, 'Conflict', 'the uid in the request differs');
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
      throw refusal(409, 'Conflict', 'the object has been modified');
  }

  #update<T>(verb: string, resource: Resource, before: Stored, wanted: Stored, subresource?: string): T {
    const after =
      subresource === 'status'
        ? { ...before, status: wanted.status }
        : { ...wanted, ...(hasStatus(resource) ? { status: before.status } : {}) };
    const { uid, creationTimestamp, deletionTimestamp } = before.metadata;
    const identity = { uid, creationTimestamp, ...(deletionTimestamp ? { deletionTimestamp } : {}) };
    const metadata = { ...after.metadata, ...identity } as ObjectMeta;
    const added = (metadata.finalizers ?? []).filter((entry) => !before.metadata.finalizers?.includes(entry));
    if (deletionTimestamp && added.length > 0) throw refusal(422, 'Invalid', 'no new finalizers while being deleted');
    if (deletionTimestamp && (metadata.finalizers ?? []).length === 0) {
      this.#forget(resource, before);
      return this.#written(verb, resource, before);
    }
    return this.#written(verb, resource, this.#store(resource, { ...after, metadata }));
  }

  #store(resource: Resource, object: Stored): Stored {
    const id = idOf(resource, object.metadata);
    const version = ++this.#version;
    const before = this.#objects.get(id);
    const metadata: ObjectMeta = {
      uid: `uid-${version}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...object.metadata,
      ...(hasStatus(resource) ? { generation: nextGeneration(before, object) } : {}),
      resourceVersion: String(version),
    };
    const stored = JSON.parse(JSON.stringify({ ...object, metadata })) as Stored;
    this.#tell(resource, before ? 'MODIFIED' : 'ADDED', stored);
    this.#objects.set(id, stored);
    return structuredClone(stored);
  }

  #forget(resource: Resource, object: Stored): void {
    this.#version += 1;
    this.#objects.delete(idOf(resource, object.metadata));
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.#tell(resource, 'DELETED', { ...object, metadata });
  }

  #tell(resource: Resource, type: Logged['event']['type'], object: Stored): void {
    this.#log.push({ version: this.#version, resource: kindOf(resource), event: { type, object } });
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  #written<T>(verb: string, resource: Resource, object: Stored): T {
    this.writes.push(`${verb} ${resource.plural} ${objectKey(object.metadata)}`);
    return object as unknown as T;
  }
}

/** Counts what is wanted of the object, its end included; a status is not. */
function nextGeneration(before: Stored | undefined, after: Stored): number {
  const { generation = 0, deletionTimestamp } = before?.metadata ?? {};
  const isSame = isDeepStrictEqual(before?.spec, JSON.parse(JSON.stringify(after.spec ?? {})));
  return isSame && deletionTimestamp === after.metadata.deletionTimestamp ? generation : generation + 1;
}

function dying(): Pick<ObjectMeta, 'deletionTimestamp'> {
  return { deletionTimestamp: '2026-01-01T00:00:00Z' };
}

function kindOf({ plural, group }: Resource): string {
  return `${plural}.${group}`;
}

function idOf(resource: Resource, object: ObjectName): string {
  return `${kindOf(resource)} ${objectKey(object)}`;
}

function hasStatus({ group }: Resource): boolean {
  return WITH_STATUS.includes(group);
}

function isListed({ metadata }: Stored, { namespace, labelSelector, fieldSelector }: ListOptions): boolean {
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  if (fieldSelector !== undefined && fieldSelector !== `metadata.name=${metadata.name}`) return false;
  return labelSelector === undefined || matchesSelector(metadata.labels ?? {}, labelSelector);
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(isRecord(target) ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (value !== undefined) merged[key] = merge(merged[key], value);
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As `common/kube/api-error.ts` makes them of the API server's answers. */
export function refusal(status: number, reason: string, message: string): SplitterError {
  const code = status === 409 ? 'Conflict' : status === 403 ? 'PermissionDenied' : 'ApiRejected';
  return new SplitterError(code, message, { retryable: status === 409, details: { status, reason } });
}
