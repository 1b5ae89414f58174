// An API server in memory, as far as qsplit needs one: objects with uids and versions, watches, owner references, refusals on demand.
import { SplitterError } from '../../../../common/errors.ts';
import type {
  KubeClient,
  KubeObject,
  ListOptions,
  ObjectList,
  ObjectName,
  Resource,
  WatchEvent,
} from '../../../../common/kube/types.ts';

export type Verb = 'get' | 'list' | 'create' | 'patch' | 'delete' | 'watch';
type Stored = { resource: Resource; object: KubeObject };
type Watcher = {
  plural: string;
  name: string | undefined;
  push(event: WatchEvent<KubeObject>): void;
  end(error?: Error): void;
};

export class FakeCluster implements KubeClient {
  readonly calls: string[] = [];
  /** Says which calls fail, and how. */
  refuse: (verb: Verb, plural: string) => SplitterError | undefined = () => undefined;
  /** The controller: told of every object that is made or deleted. */
  onCreate: (plural: string, object: KubeObject) => void = () => undefined;
  /** True: a deleted session stays, with its deletionTimestamp, until `remove` (a finalizer). */
  holdsDeletion = false;
  onDelete: (plural: string, object: KubeObject) => void = () => undefined;
  #objects = new Map<string, Stored>();
  #watchers = new Set<Watcher>();
  #version = 100;

  names(plural: string): string[] {
    return [...this.#objects.values()].filter((s) => s.resource.plural === plural).map((s) => s.object.metadata.name);
  }

  peek<T extends KubeObject>(plural: string, name: string): T | undefined {
    return this.#find(plural, name)?.object as T | undefined;
  }

  /** Puts an object there without a caller. */
  seed(resource: Resource, object: KubeObject): void {
    this.#store(resource, { uid: `uid-${object.metadata.name}`, ...object.metadata }, object, 'ADDED');
  }

  /** What the controller does to an object: a change of anything, seen by watchers. */
  change(plural: string, name: string, patch: Record<string, unknown>): void {
    const stored = this.#find(plural, name);
    if (stored === undefined) throw new Error(`there is no ${plural} ${name}`);
    this.#store(stored.resource, stored.object.metadata, { ...stored.object, ...patch } as KubeObject, 'MODIFIED');
  }

  remove(plural: string, name: string): void {
    const stored = this.#find(plural, name);
    if (stored === undefined) return;
    this.#objects.delete(key(plural, name));
    this.#tell(plural, { type: 'DELETED', object: stored.object });
    for (const { resource, object } of [...this.#objects.values()]) {
      const owned = object.metadata.ownerReferences?.some((owner) => owner.uid === stored.object.metadata.uid);
      if (owned) this.remove(resource.plural, object.metadata.name);
    }
  }

  get watches(): number {
    return this.#watchers.size;
  }

  breakWatches(error?: Error): void {
    for (const watcher of [...this.#watchers]) watcher.end(error);
  }

  async get<T extends KubeObject>(resource: Resource, { name }: ObjectName): Promise<T | undefined> {
    this.#enter('get', resource, name);
    return structuredClone(this.#find(resource.plural, name)?.object) as T | undefined;
  }

  async list<T extends KubeObject>(resource: Resource, { namespace }: ListOptions = {}): Promise<ObjectList<T>> {
    this.#enter('list', resource, namespace ?? '*');
    const items = [...this.#objects.values()]
      .filter((stored) => stored.resource.plural === resource.plural)
      .filter(({ object }) => namespace === undefined || object.metadata.namespace === namespace)
      .map(({ object }) => structuredClone(object) as T);
    return { items, resourceVersion: String(this.#version) };
  }

  async create<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    this.#enter('create', resource, object.metadata.name);
    const { name } = object.metadata;
    if (this.#find(resource.plural, name) !== undefined) throw new SplitterError('Conflict', `${name} already exists`);
    const stored = this.#store(resource, { ...object.metadata, uid: `uid-${name}` }, object, 'ADDED');
    this.onCreate(resource.plural, structuredClone(stored));
    return structuredClone(stored) as T;
  }

  async mergePatch<T extends KubeObject>(resource: Resource, { name }: ObjectName, patch: unknown): Promise<T> {
    this.#enter('patch', resource, name);
    const stored = this.#find(resource.plural, name);
    if (stored === undefined) throw notFound(name);
    const { spec } = patch as { spec: object };
    const before = stored.object as KubeObject & { spec?: object };
    const after = { ...before, spec: { ...before.spec, ...spec } };
    return structuredClone(this.#store(resource, before.metadata, after, 'MODIFIED')) as T;
  }

  async delete(resource: Resource, { name }: ObjectName, options: { uid?: string } = {}): Promise<boolean> {
    this.#enter('delete', resource, name);
    const stored = this.#find(resource.plural, name);
    if (stored === undefined) return false;
    if (options.uid !== undefined && options.uid !== stored.object.metadata.uid) {
      throw new SplitterError('Conflict', `${name} has another uid`);
    }
    this.onDelete(resource.plural, structuredClone(stored.object));
    if (!this.holdsDeletion) this.remove(resource.plural, name);
    else {
      const metadata = { ...stored.object.metadata, deletionTimestamp: '2026-03-01T12:00:01Z' };
      this.#store(resource, metadata, stored.object, 'MODIFIED');
    }
    return true;
  }

  async *watch<T extends KubeObject>(
    resource: Resource,
    options: ListOptions & { signal: AbortSignal },
  ): AsyncIterable<WatchEvent<T>> {
    const name = options.fieldSelector?.replace('metadata.name=', '');
    this.#enter('watch', resource, name ?? '*');
    const pending: WatchEvent<KubeObject>[] = [];
    let wake = Promise.withResolvers<void>();
    let ended: { error?: Error } | undefined;
    const watcher: Watcher = {
      plural: resource.plural,
      name,
      push: (event) => {
        pending.push(event);
        wake.resolve();
      },
      end: (error) => {
        ended = error === undefined ? {} : { error };
        wake.resolve();
      },
    };
    const abort = () => watcher.end(new SplitterError('Interrupted', 'the watch was aborted'));
    options.signal.addEventListener('abort', abort, { once: true });
    this.#watchers.add(watcher);
    try {
      for (;;) {
        const event = pending.shift();
        if (event !== undefined) yield structuredClone(event) as WatchEvent<T>;
        else if (ended?.error !== undefined) throw ended.error;
        else if (ended !== undefined) return;
        else {
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      }
    } finally {
      this.#watchers.delete(watcher);
      options.signal.removeEventListener('abort', abort);
    }
  }

  jsonPatch = unused;
  apply = unused;
  replace = unused;
  createSubresource = unused;

  #enter(verb: Verb, resource: Resource, name: string): void {
    this.calls.push(`${verb} ${resource.plural} ${name}`);
    const refusal = this.refuse(verb, resource.plural);
    if (refusal !== undefined) throw refusal;
  }

  #find(plural: string, name: string): Stored | undefined {
    return this.#objects.get(key(plural, name));
  }

  #store(
    resource: Resource,
    metadata: KubeObject['metadata'],
    content: KubeObject,
    type: 'ADDED' | 'MODIFIED',
  ): KubeObject {
    this.#version += 1;
    const object = { ...content, metadata: { ...metadata, resourceVersion: String(this.#version) } };
    this.#objects.set(key(resource.plural, metadata.name), { resource, object });
    this.#tell(resource.plural, { type, object });
    return object;
  }

  #tell(plural: string, event: WatchEvent<KubeObject> & { object: KubeObject }): void {
    for (const watcher of this.#watchers) {
      if (watcher.plural !== plural) continue;
      if (watcher.name === undefined || watcher.name === event.object.metadata.name) watcher.push(event);
    }
  }
}

const key = (plural: string, name: string) => `${plural}/${name}`;

function notFound(name: string): SplitterError {
  return new SplitterError('ApiRejected', `${name} not found`, { details: { status: 404, reason: 'NotFound' } });
}

export const refusals = {
  denied: () => new SplitterError('PermissionDenied', 'Cannot do that: you may not.', { details: { status: 403 } }),
  unreachable: () => new SplitterError('ApiUnreachable', 'Cannot do that: no answer.', { retryable: true }),
  unknownResource: () =>
    new SplitterError('ApiRejected', 'Cannot list: 404 page not found', { details: { status: 404 } }),
};

async function unused(): Promise<never> {
  throw new Error('qsplit does not need this verb');
}
