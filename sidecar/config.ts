// The forwarder's settings, from environment variables that the chart sets. docs/reference/configuration.md lists them.
import { z } from 'zod';
import { port, readConfig } from '../common/config.ts';
import type { SqsSettings } from './sqs/settings.ts';

const milliseconds = z.coerce.number().int().min(0);
const count = z.coerce.number().int().min(1);

const schema = z.object({
  POD_NAME: z.string().min(1),
  /** With it the replica's Lease goes when the pod goes. */
  POD_UID: z.string().optional(),
  QUEUE_SPLITTER_NAMESPACE: z.string().min(1),
  QUEUE_SPLITTER_VERSION: z.string().default('development'),
  QUEUE_SPLITTER_METRICS_PORT: port.default(9090),
  /** How long an SQS queue must look empty; the counts of Amazon SQS need a minute to be true. */
  QUEUE_SPLITTER_SQS_EMPTY_CONFIRMATION_MS: milliseconds.default(60_000),
  /** After so long left-overs of an ended session that cannot be moved are reported. */
  QUEUE_SPLITTER_SESSION_DRAIN_TIMEOUT_MS: milliseconds.default(60_000),
  /** How long a message that was read is ours; so much later it comes back after a crash. */
  QUEUE_SPLITTER_SQS_VISIBILITY_SECONDS: count.min(2).max(43_200).default(30),
  /** Long poll; a stop waits for it. */
  QUEUE_SPLITTER_SQS_WAIT_SECONDS: z.coerce.number().int().min(0).max(20).default(5),
  /** Concurrent long polls of one queue at full flow. */
  QUEUE_SPLITTER_SQS_MAX_POLLS: count.max(128).default(16),
  /** How long this replica goes on without an API server; others reckon for so long with one that is cut off. */
  QUEUE_SPLITTER_FAIL_STATIC_SECONDS: count.min(60).default(14_400),
  QUEUE_SPLITTER_LAG_INTERVAL_MS: count.default(10_000),
});

export type ForwarderConfig = {
  podName: string;
  podUid: string | undefined;
  namespace: string;
  version: string;
  metricsPort: number;
  failStaticMs: number;
  sessionDrainTimeoutMs: number;
  sqs: Partial<SqsSettings>;
};

/** @throws SplitterError `InvalidConfig` that names every wrong variable. */
export function forwarderConfig(environment: Record<string, string | undefined>): ForwarderConfig {
  const values = readConfig(schema, environment);
  const sessionDrainTimeoutMs = values.QUEUE_SPLITTER_SESSION_DRAIN_TIMEOUT_MS;
  return {
    podName: values.POD_NAME,
    podUid: values.POD_UID,
    namespace: values.QUEUE_SPLITTER_NAMESPACE,
    version: values.QUEUE_SPLITTER_VERSION,
    metricsPort: values.QUEUE_SPLITTER_METRICS_PORT,
    failStaticMs: values.QUEUE_SPLITTER_FAIL_STATIC_SECONDS * 1000,
    sessionDrainTimeoutMs,
    sqs: {
      confirmEmptyMs: values.QUEUE_SPLITTER_SQS_EMPTY_CONFIRMATION_MS,
      visibilitySeconds: values.QUEUE_SPLITTER_SQS_VISIBILITY_SECONDS,
      waitSeconds: values.QUEUE_SPLITTER_SQS_WAIT_SECONDS,
      maxPolls: values.QUEUE_SPLITTER_SQS_MAX_POLLS,
      sessionDrainTimeoutMs,
      lagIntervalMs: values.QUEUE_SPLITTER_LAG_INTERVAL_MS,
    },
  };
}
