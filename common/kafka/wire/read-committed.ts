// What a read_committed consumer does with fetched bytes (kafka-notes C10): drop aborted transactions and control batches, skip what
// lies before the position, move on over empty batches. Pure. After KafkaConsumer's CompletedFetch (Apache Kafka 4.1).
import type { AbortedTransaction, FetchedPartition } from './fetch.ts';
import { type KafkaRecord, type RecordBatch, readBatches } from './record-batch.ts';

export type CommittedRead = {
  records: KafkaRecord[];
  /** Where to read on: behind the last whole batch; the old position when there was none. */
  next: bigint;
  /** Epoch of the last batch, or the one given when there was none. */
  leaderEpoch: number;
};

export function readCommitted(
  fetched: Pick<FetchedPartition, 'stored' | 'aborted'>,
  position: bigint,
  leaderEpoch = -1,
): CommittedRead {
  const transactions = new AbortedTransactions(fetched.aborted);
  const read: CommittedRead = { records: [], next: position, leaderEpoch };
  for (const batch of readBatches(fetched.stored)) {
    if (!transactions.isAborted(batch) && !batch.isControl) {
      for (const record of batch.records()) if (record.offset >= position) read.records.push(record);
    }
    if (batch.lastOffset >= read.next) read.next = batch.lastOffset + 1n;
    read.leaderEpoch = batch.leaderEpoch;
  }
  return read;
}

/** Walks along the log: a producer's batches are aborted from its entry's first offset until its next control batch. */
class AbortedTransactions {
  readonly #ahead: AbortedTransaction[];
  readonly #open = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#ahead = aborted.toSorted((one, other) => Number(one.firstOffset - other.firstOffset));
  }

  isAborted(batch: RecordBatch): boolean {
    for (
      let first = this.#ahead[0];
      first !== undefined && first.firstOffset <= batch.lastOffset;
      first = this.#ahead[0]
    ) {
      this.#open.add(first.producerId);
      this.#ahead.shift();
    }
    if (!batch.isTransactional) return false;
    if (batch.isControl) {
      this.#open.delete(batch.producerId);
      return true;
    }
    return this.#open.has(batch.producerId);
  }
}
