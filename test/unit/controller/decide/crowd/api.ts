// The API server of the crowd's world: Leases of its own, the split of the model's world; and what a replica's watches show of them, which is
// as old as the replica's machine makes it.
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { ObjectMeta } from '../../../../../api/kinds/common.ts';
import type { WorkloadSplit } from '../../../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../../../common/errors.ts';
import { objectKey } from '../../../../../common/kube/keys.ts';
import type { Lease } from '../../../../../common/kube/lease.ts';
import type { Change } from '../../../../../common/kube/reflector.ts';
import { LEASES } from '../../../../../common/kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../../../../../common/kube/types.ts';
import type { World } from '../world/world.ts';
import type { Machine } from './machine.ts';

export type ReplicaClient = Pick<KubeClient, 'list' | 'create' | 'mergePatch' | 'jsonPatch' | 'delete'>;

export class Watched<T extends { metadata: ObjectMeta }> {
  readonly synced = true;
  readonly #objects = new Map<string, T>();
  readonly #callbacks = new Set<(change: Change<T>) => void>();

  get = ({ namespace, name }: { namespace?: string; name: string }) => this.#objects.get(`${namespace}/${name}`);
  list = () => [...this.#objects.values()];
  onChange = (callback: (change: Change<T>) => void) => {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  };

  show(objects: readonly T[]): void {
    const after = new Map(objects.map((object) => [objectKey(object.metadata), object]));
    for (const key of [...this.#objects.keys()]) if (!after.has(key)) this.#change(key, undefined);
    for (const [key, object] of after) if (this.#objects.get(key) !== object) this.#change(key, object);
  }

  #change(key: string, after: T | undefined): void {
    const before = this.#objects.get(key);
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    for (const callback of this.#callbacks) callback({ key, before, after });
  }
}

export class Api {
  readonly leases = new Map<string, Lease>();
  readonly #world: World;
  readonly #onWrite: () => void;
  #uids = 0;

  constructor(world: World, onWrite: () => void) {
    this.#world = world;
    this.#onWrite = onWrite;
  }

  clientOf(machine: Machine): ReplicaClient {
    const call = <T>(work: () => unknown): Promise<T> => machine.api(work) as Promise<T>;
    return {
      list: (_resource) => call(() => ({ items: this.#world.split ? [this.#world.split] : [], resourceVersion: '1' })),
      create: <T extends KubeObject>(_resource: Resource, object: T) => call<T>(() => this.#createLease(object)),
      mergePatch: (resource, { name }, patch) =>
        call(() => (resource === LEASES ? this.#patchLease(name, patch) : this.#takeSplit(name, patch))),
      jsonPatch: (_resource, { name }, patch) => call(() => this.#patchSplit(name, patch as Operation[])),
      delete: (_resource, { name }) => call(() => this.deleteLease(name)),
    };
  }

  /** The garbage collector does so when the pod is gone. */
  deleteLease(name: string): boolean {
    const isDeleted = this.leases.delete(name);
    this.#onWrite();
    return isDeleted;
  }

  #createLease(object: KubeObject): Lease {
    const lease = object as unknown as Lease;
    this.#uids += 1;
    return this.#writeLease({ ...lease, metadata: { ...lease.metadata, uid: `lease-${this.#uids}` } });
  }

  #patchLease(name: string, patch: unknown): Lease {
    const lease = this.leases.get(name);
    if (lease === undefined) throw notFound(name);
    return this.#writeLease({ ...lease, spec: (patch as Lease).spec });
  }

  #writeLease(lease: Lease): Lease {
    this.leases.set(lease.metadata.name, lease);
    this.#onWrite();
    return lease;
  }

  #takeSplit(name: string, patch: unknown): WorkloadSplit | undefined {
    const { metadata, status } = patch as WorkloadSplit;
    const split = this.#splitCalled(name);
    const { uid, resourceVersion } = split.metadata;
    if (metadata.uid !== uid || metadata.resourceVersion !== resourceVersion)
      throw new SplitterError('Conflict', 'the object has been modified', { retryable: true });
    return this.#writeStatus({ ...split.status, ...status });
  }

  #patchSplit(name: string, patch: Operation[]): WorkloadSplit | undefined {
    const document = structuredClone(this.#splitCalled(name));
    try {
      jsonPatch.applyPatch(document, structuredClone(patch), true);
    } catch (error) {
      throw new SplitterError('ApiRejected', String(error), { details: { status: 422 } });
    }
    return this.#writeStatus(document.status);
  }

  #splitCalled(name: string): WorkloadSplit {
    const { split } = this.#world;
    if (split?.metadata.name !== name) throw notFound(name);
    return split;
  }

  #writeStatus(status: WorkloadSplit['status']): WorkloadSplit | undefined {
    this.#world.changeSplit({ status: status ?? {} });
    this.#onWrite();
    return this.#world.split;
  }
}

function notFound(name: string): SplitterError {
  return new SplitterError('ApiRejected', name, { details: { status: 404, reason: 'NotFound' } });
}
