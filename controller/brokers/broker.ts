// The contract between the controller and a kind of broker: make, prove, drain and delete queues. Data never flows through here.
import type { BrokerConnection, LedgerEntry, QueueLocation, SplitQueue } from '../../api/kinds/workload-split.ts';

export type Original = {
  location: QueueLocation;
  /** Stable identity for the claim: the queue's ARN, or Kafka cluster id, topic and group. */
  identity: string;
  /** Kafka: whether a member of the group subscribes to it; undefined: cannot be told now, or never (SQS). */
  isSubscribed?: boolean | undefined;
};

export type CreateRequest = {
  entry: LedgerEntry;
  original: QueueLocation;
  connection: BrokerConnection;
  /** Owner marks: a queue of that name with other marks is an error (`ForeignQueue`), never reused. */
  owner: { clusterUid: string; splitUid: string };
  /** SQS: extra tags that the registry asks for; they win over the original's. */
  tags: Record<string, string>;
  /** Kafka: group whose offset 0 is committed on every partition before anybody can write or read. */
  group?: string;
};

export type Rewound = {
  /** Partitions whose offset was moved, and where to. */
  moved: { partition: number; offset: string }[];
  /** Unread copies whose original is gone: only the temporary topic has them. */
  missing: number;
  /** Where each partition of the fallback ended then: copies lie only in front of it. */
  fallbackEnd: { partition: number; offset: string }[];
};

/** All calls are idempotent and reject with a SplitterError whose message names queue, call and missing permission. */
export type BrokerAdmin = {
  /** `value` is what the target's variable holds: SQS name, URL or ARN; Kafka topic. `QueueNotFound`, `PermissionDenied`. */
  describeOriginal(value: string, connection: BrokerConnection, group?: string): Promise<Original>;
  /** Clones the original's settings; returns what the ledger must remember. */
  create(request: CreateRequest): Promise<Pick<LedgerEntry, 'url' | 'topicId'>>;
  /** Kafka: where every partition begins: the group's offset, else by the client config's auto.offset.reset. SQS: []. */
  startOffsets(queue: SplitQueue): Promise<{ partition: number; offset: string }[]>;
  /**
   * True when no unpatched reader is left: Kafka: the group is settled and no member subscribes to the original (members whose
   * address is in `goneAddresses` are evicted). SQS cannot see readers: always settled.
   */
  settle(queue: SplitQueue, goneAddresses: ReadonlySet<string>): Promise<{ settled: boolean; message: string }>;
  /** Kafka: fences every transactional id and waits until the group's offsets are stable. SQS: nothing. */
  fence(queue: SplitQueue): Promise<void>;
  /**
   * The target is gone or has not drained. Kafka: moves the application's group back to the first original record whose copy nobody
   * read (at least once). SQS: nothing, the forwarder has moved the messages themselves.
   */
  rewind(queue: SplitQueue): Promise<Rewound>;
  /**
   * When nobody reads the fallback any more. Kafka: what the target itself sent there after the rewind (behind `fallbackEnd`), and did not
   * read, goes to the original, once; returns how many records. SQS: nothing, the forwarder moves everything.
   */
  returnOwn(queue: SplitQueue): Promise<number>;
  /** Kafka: those of these temporary topics that have fewer partitions than the original has by now. SQS: none. */
  outgrown(queue: SplitQueue, names: readonly string[]): Promise<string[]>;
  /** Kafka: gives the topic the partitions that it lacks; one that is gone is not made again. SQS: nothing. */
  grow(request: CreateRequest): Promise<void>;
  /** What the deployed target still has to read in the fallback queue. One observation, not a proof: the caller asks again over time. */
  remaining(queue: SplitQueue): Promise<number>;
  /** Deletes only what carries our marks; already gone is success. */
  delete(entry: LedgerEntry, connection: BrokerConnection, owner: CreateRequest['owner']): Promise<void>;
};
