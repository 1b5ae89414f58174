// Watches the pods of every split target, and of nothing else, so that one that appears unpatched is replaced at once. A hint only: what
// is decided rests on a consistent list.
import { isDeepStrictEqual } from 'node:util';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { type Change, Reflector, type ReflectorOptions } from '../common/kube/reflector.ts';
import { PODS } from '../common/kube/resources.ts';
import { selectorText } from './observe/selector.ts';
import { type Pod, podFact } from './observe/workload.ts';

export type TargetPodsOptions = Pick<ReflectorOptions, 'client' | 'log' | 'clock'> & {
  /** A pod that the selector of this split's target matches has come, gone or changed. */
  onPods: (split: WorkloadSplit) => void;
};

export class TargetPods {
  readonly #options: TargetPodsOptions;
  /** By uid of the split; the selector of a split never changes. */
  readonly #watches = new Map<string, Reflector<Pod>>();
  readonly #ending = new Set<Promise<void>>();
  #isStopped = false;

  constructor(options: TargetPodsOptions) {
    this.#options = options;
  }

  /** As the reflector of splits tells it. After `stop` it begins nothing any more. */
  note({ before, after }: Pick<Change<WorkloadSplit>, 'before' | 'after'>): void {
    if (this.#isStopped) return;
    if (before && before.metadata.uid !== after?.metadata.uid) this.#end(before.metadata.uid ?? '');
    if (after && !this.#watches.has(after.metadata.uid ?? '')) this.#begin(after);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const uid of [...this.#watches.keys()]) this.#end(uid);
    await Promise.all(this.#ending);
  }

  #begin(split: WorkloadSplit): void {
    const { onPods, ...options } = this.#options;
    const pods = new Reflector<Pod>({
      ...options,
      resource: PODS,
      namespace: split.metadata.namespace ?? '',
      labelSelector: selectorText(split.spec.target.selector),
    });
    pods.onChange(({ before, after }) => {
      if (before && after && isDeepStrictEqual(podFact(before), podFact(after))) return;
      onPods(split);
    });
    pods.start();
    this.#watches.set(split.metadata.uid ?? '', pods);
  }

  #end(uid: string): void {
    const stopping = this.#watches.get(uid)?.stop();
    if (!stopping) return;
    this.#watches.delete(uid);
    this.#ending.add(stopping);
    void stopping.finally(() => this.#ending.delete(stopping));
  }
}
