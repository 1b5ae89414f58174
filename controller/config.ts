// The controller's settings, from environment variables that the chart sets. docs/reference/configuration.md lists them.
import { z } from 'zod';
import { QUEUE_KINDS, type QueueKind } from '../api/kinds/common.ts';
import { port, readConfig } from '../common/config.ts';
import { DEFAULT_TOPIC_FORMAT } from '../common/naming/kafka.ts';
import type { Settings } from './decide/observed.ts';

const milliseconds = z.coerce.number().int().min(0);

const schema = z.object({
  POD_NAME: z.string().min(1),
  QUEUE_SPLITTER_NAMESPACE: z.string().min(1),
  QUEUE_SPLITTER_VERSION: z.string().default('development'),
  QUEUE_SPLITTER_METRICS_PORT: port.default(9090),
  QUEUE_SPLITTER_WEBHOOK_SERVICE: z.string().min(1).default('queue-splitter-webhook'),
  /** How long an SQS queue must look empty; the counts of Amazon SQS need a minute to be true. */
  QUEUE_SPLITTER_SQS_EMPTY_CONFIRMATION_MS: milliseconds.default(60_000),
  /** After so long what is left in an SQS fallback moves back to the original; absent = wait for ever. */
  QUEUE_SPLITTER_SQS_LINGER_TIMEOUT_MS: milliseconds.optional(),
  QUEUE_SPLITTER_KAFKA_TOPIC_FORMAT: z.string().optional(),
  /** The name that mirrord's guide uses. */
  OPERATOR_KAFKA_SPLITTING_TOPIC_FORMAT: z.string().optional(),
  QUEUE_SPLITTER_KAFKA_IDLE_TTL_MS: milliseconds.default(0),
  /** How long a Kafka drain may take; absent = without end. */
  QUEUE_SPLITTER_KAFKA_DRAIN_TIMEOUT_MS: milliseconds.optional(),
  /** What then becomes of records that the target has not read. */
  QUEUE_SPLITTER_KAFKA_ON_DRAIN_TIMEOUT: z.enum(['keep', 'rewind', 'drop']).default('keep'),
  /** Comma-separated; the chart turns `operator.sqsSplitting` and `operator.kafkaSplitting` into it. */
  QUEUE_SPLITTER_KINDS: z.string().default('SQS,Kafka'),
  QUEUE_SPLITTER_RESTORE_CONFIRMATION_MS: milliseconds.default(10_000),
  /** How long something must have been seen without an owner before it is collected; absent = nothing is. */
  QUEUE_SPLITTER_GARBAGE_GRACE_MS: milliseconds.optional(),
  /** How long a forwarder goes on without an API server; nothing is collected meanwhile into which it may send. */
  QUEUE_SPLITTER_FAIL_STATIC_SECONDS: z.coerce.number().int().min(60).default(14_400),
  /** How long a namespace that is being deleted waits for brokers; then what is left there is kept for the collection. */
  QUEUE_SPLITTER_CLEANUP_DEADLINE_MS: milliseconds.optional(),
});

export type ControllerConfig = {
  podName: string;
  namespace: string;
  version: string;
  metricsPort: number;
  webhookService: string;
  sqsEmptyConfirmationMs: number;
  sqsLingerTimeoutMs: number | undefined;
  topicFormat: string;
  kafkaIdleTtlMs: number;
  kafkaDrainTimeoutMs: number | undefined;
  onKafkaDrainTimeout: Settings['onKafkaDrainTimeout'];
  restoreConfirmationMs: number;
  garbageGraceMs: number | undefined;
  failStaticMs: number;
  cleanupDeadlineMs: number | undefined;
  /** The kinds whose resources are installed. */
  kinds: ReadonlySet<QueueKind>;
};

const LEFT_OVERS = { keep: 'Keep', rewind: 'Rewind', drop: 'Drop' } as const;

/** @throws SplitterError `InvalidConfig` that names every wrong variable. */
export function controllerConfig(environment: Record<string, string | undefined>): ControllerConfig {
  const values = readConfig(schema, environment);
  return {
    podName: values.POD_NAME,
    namespace: values.QUEUE_SPLITTER_NAMESPACE,
    version: values.QUEUE_SPLITTER_VERSION,
    metricsPort: values.QUEUE_SPLITTER_METRICS_PORT,
    webhookService: values.QUEUE_SPLITTER_WEBHOOK_SERVICE,
    sqsEmptyConfirmationMs: values.QUEUE_SPLITTER_SQS_EMPTY_CONFIRMATION_MS,
    sqsLingerTimeoutMs: values.QUEUE_SPLITTER_SQS_LINGER_TIMEOUT_MS,
    topicFormat:
      values.QUEUE_SPLITTER_KAFKA_TOPIC_FORMAT ?? values.OPERATOR_KAFKA_SPLITTING_TOPIC_FORMAT ?? DEFAULT_TOPIC_FORMAT,
    kafkaIdleTtlMs: values.QUEUE_SPLITTER_KAFKA_IDLE_TTL_MS,
    kafkaDrainTimeoutMs: values.QUEUE_SPLITTER_KAFKA_DRAIN_TIMEOUT_MS,
    onKafkaDrainTimeout: LEFT_OVERS[values.QUEUE_SPLITTER_KAFKA_ON_DRAIN_TIMEOUT],
    restoreConfirmationMs: values.QUEUE_SPLITTER_RESTORE_CONFIRMATION_MS,
    garbageGraceMs: values.QUEUE_SPLITTER_GARBAGE_GRACE_MS,
    failStaticMs: values.QUEUE_SPLITTER_FAIL_STATIC_SECONDS * 1000,
    cleanupDeadlineMs: values.QUEUE_SPLITTER_CLEANUP_DEADLINE_MS,
    kinds: new Set(QUEUE_KINDS.filter((kind) => values.QUEUE_SPLITTER_KINDS.split(',').includes(kind))),
  };
}
