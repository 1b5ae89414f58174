// WorkloadSplit: the state of one target while it is split, and the only channel between controller, webhook and forwarder.
// The controller alone writes the spec, and everything needed to go on is in the spec; status may vanish at any time.
import { z } from 'zod';
import { column, condition, LIMITS, name, type ObjectMeta, seconds, targetReference, time } from './common.ts';
import { atomicList, listMap, maxProperties, rules } from './keywords.ts';
import { forwarderQueueStatus, splitQueue } from './split-queue.ts';

export type {
  BrokerConnection,
  DesiredForwarding,
  ForwarderQueueStatus,
  QueueLocation,
  QueueVariable,
  Route,
  SplitQueue,
} from './split-queue.ts';

export const SPLIT_PHASES = [
  /** Names are resolved, the ledger is written, temporary queues are being made. Nothing of the target is touched yet. */
  'Preparing',
  /** The webhook entry is in and the target restarts; the old pods still read the original. */
  'Patching',
  /** Every pod is patched; the forwarder routes. Sessions come and go. */
  'Splitting',
  /** No session, kept for `splitTtl`; the forwarder still routes (everything to the fallback queue). */
  'Warm',
  /** The forwarder has stopped reading the original; the target empties the fallback queue. */
  'Draining',
  /** The entry goes out, the target restarts unpatched. No way back: a session that comes now waits for a new split. */
  'Restoring',
  /** No pod carries a temporary queue any more; temporary queues are being deleted. */
  'Cleaning',
  /** Target or namespace is gone: no restart, no drain; what is left moves back to the original (Kafka: the group does). */
  'Abandoned',
] as const;
export const splitPhase = z.enum(SPLIT_PHASES).describe('Where the split is in its life.');
export type SplitPhase = z.infer<typeof splitPhase>;

/** The phases in which the webhook injects. In every other phase it admits pods as they are, whatever entry called it. */
export const PATCHING_PHASES: ReadonlySet<SplitPhase> = new Set(['Patching', 'Splitting', 'Warm', 'Draining']);

export const environmentVariable = z.object({
  container: name.describe('The container of the target.'),
  variable: z.string().min(1).max(256).describe('Name of the variable.'),
  value: z
    .string()
    .max(32768)
    .describe('The value to inject, as the application shall see it (the webhook escapes references).'),
  original: z.string().max(32768).describe('What the application would see without us; for people.'),
  origin: z.string().max(512).describe('Where the original value came from; for people.'),
});
export type EnvironmentVariable = z.infer<typeof environmentVariable>;

/** The ledger. Planned (written before it is created) → Created → Retired → entry removed; never back, and a name is used once in its life. */
export const ledgerEntry = z.object({
  kind: z.enum(['SqsQueue', 'KafkaTopic', 'KafkaGroup', 'Claim']).describe('What kind of thing it is.'),
  name: z
    .string()
    .min(1)
    .max(256)
    .describe("Name of the queue, topic or group; for a claim the name of the Lease in the operator's namespace."),
  role: z.enum(['fallback', 'session', 'claim']).describe('What it is for.'),
  queue: z.string().max(512).describe('The key of the queue it belongs to.'),
  session: name.optional().describe('For role session: whose.'),
  state: z
    .enum(['Planned', 'Created', 'Retired'])
    .describe('Planned is written before it is created; Retired before it is deleted. Never back.'),
  url: z.string().max(1024).optional().describe('SQS: URL of the queue.'),
  topicId: z.string().max(64).optional().describe('Kafka: id of the topic.'),
});
export type LedgerEntry = z.infer<typeof ledgerEntry>;

const labelValue = z.string().max(63).describe('Value of a label.');

/** The workload's own label selector, as the API has it. */
const labelSelector = z.object({
  matchLabels: z
    .record(z.string().max(317), labelValue)
    .optional()
    .meta({ description: 'Label → value.', ...maxProperties(64) }),
  matchExpressions: z
    .array(
      z.object({
        key: z.string().max(317).describe('Name of the label.'),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label is compared.'),
        values: z
          .array(labelValue)
          .max(64)
          .optional()
          .meta({ description: 'Values to compare with.', ...atomicList }),
      }),
    )
    .max(32)
    .optional()
    .meta({ description: 'Further requirements.', ...atomicList }),
});

export const workloadSplitSpec = z
  .object({
    target: targetReference
      .extend({
        uid: z.string().max(64).describe('Uid of the workload.'),
        selector: labelSelector.describe("The workload's own label selector; the webhook entry selects by it."),
      })
      .meta({
        description: 'The workload that is split. Another workload of the same name needs another split.',
        ...rules({ rule: 'self.uid == oldSelf.uid', message: 'a split stays with one workload', fieldPath: '.uid' }),
      }),
    incarnation: z
      .object({
        clusterUid: z.string().max(64).describe('Uid of the namespace kube-system.'),
        selfUid: z.string().max(64).describe('Uid of this very object.'),
      })
      .optional()
      .meta({
        description: 'When either differs, the object was copied or restored from elsewhere and is inert.',
        ...rules({ rule: 'self == oldSelf', message: 'an incarnation is written once' }),
      }),
    phase: splitPhase,
    revision: z
      .number()
      .int()
      .min(0)
      .meta({
        description: 'Counts what webhook and forwarder act on; the forwarder acknowledges this number.',
        ...rules({ rule: 'self >= oldSelf', message: 'the revision never goes back' }),
      }),
    token: z
      .string()
      .max(63)
      .optional()
      .describe("Value of the pods' patched label: derived from the split's uid and the content of environment."),
    environmentRevision: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe("The revision at which environment last changed; part of the webhook entry's path."),
    environment: z
      .array(environmentVariable)
      .max(LIMITS.environment)
      .default([])
      .meta({ description: 'What the webhook injects. It reads nothing else.', ...atomicList }),
    queues: z
      .array(splitQueue)
      .max(LIMITS.queues)
      .default([])
      .meta({ description: 'What the forwarder does. It reads nothing else.', ...atomicList }),
    resources: z
      .array(ledgerEntry)
      .max(LIMITS.resources)
      .default([])
      .meta({ description: 'The ledger of everything that was made for this split.', ...atomicList }),
    restartedAt: time
      .optional()
      .describe("The restart annotation's value while a restart of ours is wanted, RFC 3339."),
    phaseSince: time.describe(
      "When this phase began (RFC 3339, the controller's clock); for people and for limits measured in minutes.",
    ),
    settings: z
      .object({
        ttlSeconds: seconds.default(0).describe('Seconds the split stays warm after the last session.'),
        restartTimeoutSeconds: seconds
          .min(1)
          .default(60)
          .describe('Seconds to wait for the restart before the sessions fail.'),
      })
      .prefault({})
      .describe('Settings that were in force when the split began.'),
  })
  .describe('Everything that is needed to go on. Written by the controller only.');
export type WorkloadSplitSpec = z.infer<typeof workloadSplitSpec>;

export const workloadSplitStatus = z
  .object({
    conditions: z
      .array(condition)
      .max(16)
      .optional()
      .meta({ description: 'The steps, each with a sentence for people.', ...listMap('type') }),
    forwarder: z
      .object({
        holder: z.string().max(253).describe('Pod name of the replica that holds this split.'),
        acknowledgedRevision: z.number().int().min(0).describe('The newest revision that the forwarder fully acts on.'),
        queues: z
          .array(forwarderQueueStatus)
          .max(LIMITS.queues)
          .meta({ description: 'State of each queue.', ...atomicList }),
        confirmedAt: time
          .optional()
          .describe('When the holder, after its Lease had run out, last saw and wrote that it still holds the split.'),
      })
      .optional()
      .describe('What the forwarder says.'),
    remaining: z
      .array(
        z.object({
          key: z.string().max(512).describe('The key of the queue.'),
          messages: z.number().int().describe('Messages that are left.'),
        }),
      )
      .max(LIMITS.queues)
      .optional()
      .meta({ description: 'Messages left in the fallback queues, for people.', ...atomicList }),
    summary: z
      .object({
        queues: column.describe('The queues that are split, as many as fit.'),
        sessions: z.number().int().min(0).describe('How many sessions get messages.'),
        sessionNames: column.describe('Their names, as many as fit.'),
        waitsFor: column.describe('What must happen before the split goes on.'),
      })
      .optional()
      .describe('For the columns of kubectl get.'),
  })
  .describe('What is. It may vanish and is computed again.');
export type WorkloadSplitStatus = z.infer<typeof workloadSplitStatus>;

export type WorkloadSplit = {
  apiVersion: string;
  kind: 'WorkloadSplit';
  metadata: ObjectMeta;
  spec: WorkloadSplitSpec;
  status?: WorkloadSplitStatus;
};
