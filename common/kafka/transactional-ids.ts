// The transactional ids of one split queue: fixed for the split's life, for whoever calls InitProducerId on them fences all others (C4, C14).
import type { SplitQueue } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../errors.ts';

/** Id number `partition % ids.length` writes what comes from that source partition. */
export function transactionalIds({ key, transactionalIdPrefix, producers }: SplitQueue): string[] {
  if (!transactionalIdPrefix) {
    throw new SplitterError(
      'InvalidConfig',
      `queue ${key} of the split has no transactionalIdPrefix; the split must be made again`,
    );
  }
  return Array.from({ length: producers ?? 1 }, (_, index) => `${transactionalIdPrefix}-${index}`);
}
