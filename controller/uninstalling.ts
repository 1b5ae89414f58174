// The mark that the chart is being uninstalled: a Lease in the operator's namespace that the clean-up Job renews while it lives. While it is
// renewed sessions end and none starts. What a Job that was killed left behind means nothing, and goes.
import { isNotFound } from '../common/kube/api-error.ts';
import { type Lease, microTime } from '../common/kube/lease.ts';
import type { Change } from '../common/kube/reflector.ts';
import { LEASES } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';

export const UNINSTALLING_LEASE = 'queue-splitter-uninstalling';

/** The Job renews every second; an API server may be slow. */
const LIFE_MS = 30_000;
/** The Job of a mark that was not renewed for so long is dead. Should it live after all, it makes the mark again. */
const STALE_MS = 60_000;

/** Makes the mark or renews it. `now`: milliseconds since the epoch, for people. */
export async function markUninstalling(
  client: KubeClient,
  namespace: string,
  holder: string,
  now: number,
): Promise<void> {
  const metadata = { name: UNINSTALLING_LEASE, namespace };
  const spec = { holderIdentity: holder, renewTime: microTime(now) };
  try {
    await client.mergePatch<Lease>(LEASES, metadata, { spec });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await client.create<Lease>(LEASES, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
  }
}

export async function unmarkUninstalling(client: KubeClient, namespace: string): Promise<void> {
  await client.delete(LEASES, { name: UNINSTALLING_LEASE, namespace });
}

/** The mark as one controller sees it. Judged by renewals on its own clock: a mark that was there before us says nothing yet. */
export class UninstallMark {
  readonly #monotonicMs: () => number;
  #lease: Lease | undefined;
  #seenAt = 0;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  note({ before, after }: Pick<Change<Lease>, 'before' | 'after'>): void {
    this.#lease = after;
    this.#seenAt = this.#monotonicMs();
    this.#renewedAt = before && after ? this.#seenAt : Number.NEGATIVE_INFINITY;
  }

  get isLiving(): boolean {
    return this.#lease !== undefined && this.#monotonicMs() - this.#renewedAt < LIFE_MS;
  }

  /** Takes away the mark of a dead Job. Conditional: one that is renewed at this moment stays. */
  async removeStale(client: KubeClient): Promise<boolean> {
    const lease = this.#lease;
    if (lease === undefined || this.#monotonicMs() - this.#seenAt < STALE_MS) return false;
    const { name, namespace = '', uid = '', resourceVersion = '' } = lease.metadata;
    return await client.delete(LEASES, { name, namespace }, { uid, resourceVersion });
  }
}
