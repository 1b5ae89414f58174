// WorkloadSplits in memory, with what the forwarder relies on: resource versions, conflicts, JSON patch tests, and a cache that may lag behind.
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { WorkloadSplit, WorkloadSplitSpec } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import type { Change } from '../../../common/kube/reflector.ts';
import type { KubeClient, KubeObject, ListOptions } from '../../../common/kube/types.ts';

export class FakeSplits {
  readonly #stored = new Map<string, WorkloadSplit>();
  readonly #cache = new Map<string, WorkloadSplit>();
  readonly #callbacks = new Set<(change: Change<WorkloadSplit>) => void>();
  #version = 1;
  /** False: writes reach the server, but no cache hears of them. */
  isWatching = true;
  /** Thrown by the next writes. */
  failure: SplitterError | undefined;
  readonly patches: unknown[] = [];

  put(name: string, spec: Partial<WorkloadSplitSpec>, more: { uid?: string; holder?: string } = {}): WorkloadSplit {
    const { uid = `uid-${name}`, holder } = more;
    return this.#write(`shop/${name}`, {
      apiVersion: 'queuesplitter.dev/v1alpha1',
      kind: 'WorkloadSplit',
      metadata: { name, namespace: 'shop', uid },
      spec: {
        target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker', uid: 'target', selector: {} },
        incarnation: { clusterUid: 'cluster', selfUid: uid },
        phase: 'Splitting',
        revision: 1,
        environmentRevision: 0,
        environment: [],
        queues: [],
        resources: [],
        phaseSince: '2026-01-01T00:00:00Z',
        settings: { ttlSeconds: 0, restartTimeoutSeconds: 60 },
        ...spec,
      },
      ...(holder === undefined ? {} : { status: { forwarder: { holder, acknowledgedRevision: 0, queues: [] } } }),
    });
  }

  change(name: string, change: (split: WorkloadSplit) => void): void {
    const split = structuredClone(this.at(name));
    change(split);
    this.#write(`shop/${name}`, split);
  }

  remove(name: string): void {
    const key = `shop/${name}`;
    const before = this.#cache.get(key);
    this.#stored.delete(key);
    this.#cache.delete(key);
    for (const callback of this.#callbacks) callback({ key, before, after: undefined });
  }

  /** As the server has it. */
  at(name: string): WorkloadSplit {
    const split = this.#stored.get(`shop/${name}`);
    if (split === undefined) throw new Error(`there is no split ${name}`);
    return split;
  }

  /** The watch catches up. */
  catchUp(): void {
    this.isWatching = true;
    for (const [key, split] of this.#stored) if (this.#cache.get(key) !== split) this.#show(key, split);
  }

  get = ({ namespace, name }: { namespace?: string; name: string }) => this.#cache.get(`${namespace}/${name}`);
  list = () => [...this.#cache.values()];
  onChange = (callback: (change: Change<WorkloadSplit>) => void) => {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  };

  /** The server itself, where the rest of this class is a cache of it. */
  readonly client: Pick<KubeClient, 'list' | 'mergePatch' | 'jsonPatch'> = {
    list: async <T extends KubeObject>(_resource: unknown, options: ListOptions = {}) => {
      if (this.failure !== undefined) throw this.failure;
      const name = options.fieldSelector?.replace('metadata.name=', '');
      const items = [...this.#stored.values()].filter(({ metadata }) => metadata.name === name);
      return { items: items as unknown as T[], resourceVersion: String(this.#version) };
    },
    mergePatch: (resource, object, patch) => this.#mergePatch(resource, object, patch),
    jsonPatch: (resource, object, patch) => this.#jsonPatch(resource, object, patch),
  };

  async #mergePatch<T>(_resource: unknown, object: { name: string }, patch: unknown): Promise<T> {
    const { metadata, status } = patch as WorkloadSplit;
    const current = this.#toWrite(object.name, patch);
    if (metadata.resourceVersion !== current.metadata.resourceVersion) {
      throw new SplitterError('Conflict', 'the object has been modified', { retryable: true });
    }
    return this.#write(`shop/${object.name}`, { ...current, status: { ...current.status, ...status } }) as T;
  }

  async #jsonPatch<T>(_resource: unknown, object: { name: string }, patch: unknown[]): Promise<T> {
    const document = structuredClone(this.#toWrite(object.name, patch));
    try {
      jsonPatch.applyPatch(document, patch as Operation[], true);
    } catch (error) {
      throw new SplitterError('ApiRejected', String(error), { details: { status: 422 } });
    }
    return this.#write(`shop/${object.name}`, document) as T;
  }

  #toWrite(name: string, patch: unknown): WorkloadSplit {
    this.patches.push(patch);
    if (this.failure !== undefined) throw this.failure;
    return this.at(name);
  }

  #write(key: string, split: WorkloadSplit): WorkloadSplit {
    this.#version += 1;
    const written = { ...split, metadata: { ...split.metadata, resourceVersion: String(this.#version) } };
    this.#stored.set(key, written);
    if (this.isWatching) this.#show(key, written);
    return written;
  }

  #show(key: string, after: WorkloadSplit): void {
    const before = this.#cache.get(key);
    this.#cache.set(key, after);
    for (const callback of this.#callbacks) callback({ key, before, after });
  }
}
