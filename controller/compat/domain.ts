// The one model of what a target reads. Every generation of resources is translated into it here at the edge, and nothing behind the edge
// knows which resource it came from.
import type { QueueKind, TargetReference } from '../../api/kinds/common.ts';
import type { NameSource } from '../../common/env/sources.ts';

export type SplitQueueDeclaration = {
  /** Unique among the declarations of a target, over all kinds of brokers. */
  id: string;
  kind: QueueKind;
  /** For people: `MirrordWorkloadQueueRegistry shop/orders-queues`. */
  declaredIn: string;
  /** Every place where the target has the name; all of them are swapped together. */
  nameSources: readonly NameSource[];
  /** Kafka: every place where the target has the consumer group. */
  groupIdSources: readonly NameSource[];
  /** SQS: extra tags of temporary queues; they win over the original's. */
  tags: Readonly<Record<string, string>>;
  /** Kafka: name of the client config in the operator's namespace. */
  clientConfig?: string;
  restartTimeoutSeconds: number;
  /** How long the split stays warm; absent: the chart's value. */
  ttlSeconds?: number;
};

/** Declared, but nothing that can be split: another broker, or a way of reading that we refuse. A session that asks for it gets `reason`. */
export type UnsupportedDeclaration = {
  id: string;
  /** As written: `RMQ`, `Kafka`. */
  kind: string;
  declaredIn: string;
  reason: string;
};

export type TargetDeclarations = {
  declarations: readonly SplitQueueDeclaration[];
  unsupported: readonly UnsupportedDeclaration[];
};

/** What a translation needs to know of the session's target. */
export type DeclaredTarget = Pick<TargetReference, 'kind' | 'name'>;
