// SplitSession: one developer's run against one target. Written by qsplit or by hand; only its status is the controller's. The spec is immutable.
import { z } from 'zod';
import {
  column,
  condition,
  filter,
  LIMITS,
  name,
  type ObjectMeta,
  queueKind,
  targetReference,
  text,
  time,
} from './common.ts';
import { atomicList, listMap, rules } from './keywords.ts';

export const sessionQueue = z.object({
  id: z
    .string()
    .min(1)
    .max(253)
    .describe('A queue id of the target, or * for all queue ids of this kind. An explicit entry wins over *.'),
  kind: queueKind,
  filter,
  mode: z
    .enum(['steal'])
    .default('steal')
    .describe('steal: a message that matches goes to the session and nowhere else.'),
});
export type SessionQueue = z.infer<typeof sessionQueue>;

export const SESSION_PHASES = [
  'Pending',
  'Preparing',
  'Restarting',
  'CuttingOver',
  'Ready',
  'Ending',
  'Ended',
  'Failed',
] as const;
export type SessionPhase = (typeof SESSION_PHASES)[number];

export const splitSessionSpec = z
  .object({
    target: targetReference
      .extend({
        container: name.optional().describe('Only queues of this container; absent = all containers of the target.'),
      })
      .describe('The deployed workload whose queues are split.'),
    queues: z
      .array(sessionQueue)
      .min(1)
      .max(LIMITS.queues)
      .meta({ description: 'What the session wants of which queues.', ...listMap('kind', 'id') }),
    sessionKey: z
      .string()
      .max(253)
      .optional()
      .describe('Free text that tells sessions apart for people, for example a user or branch name.'),
    heartbeat: z
      .object({
        timeoutSeconds: z
          .number()
          .int()
          .min(5)
          .max(86400)
          .default(45)
          .describe('How long silence may last, in seconds.'),
      })
      .optional()
      .describe(
        'Present: the session ends when its Lease (same name) is not renewed for so long. Absent: it lives until deleted.',
      ),
  })
  .meta({
    description: 'What is wanted. It cannot be changed: delete the session and create another.',
    ...rules({
      rule: 'self == oldSelf',
      message: 'the spec of a session cannot be changed; delete it and create another',
    }),
  });
export type SplitSessionSpec = z.infer<typeof splitSessionSpec>;

export const sessionEnvironment = z.object({
  container: name.describe('The container of the target that has the variable.'),
  variable: z.string().min(1).max(256).describe('Name of the variable.'),
  value: z.string().max(32768).describe("The value for the session's process."),
});
export type SessionEnvironment = z.infer<typeof sessionEnvironment>;

export const splitSessionStatus = z
  .object({
    phase: z.enum(SESSION_PHASES).optional().describe('Where the session is in its life.'),
    message: text.optional().describe('One sentence for people: what is happening, or why it failed and what to do.'),
    reason: z.string().max(128).optional().describe('Machine-readable cause when phase is Failed.'),
    startedAt: time.optional().describe('When the controller took the session on, RFC 3339.'),
    readyAt: time.optional().describe('When the first message could reach the session, RFC 3339.'),
    endedAt: time.optional().describe('When the session ended or failed, RFC 3339.'),
    environment: z
      .array(sessionEnvironment)
      .max(LIMITS.environment)
      .optional()
      .meta({ description: 'What the local process must have in its environment.', ...atomicList }),
    queues: z
      .array(
        z.object({
          id: z.string().max(253).describe('Queue id.'),
          kind: queueKind,
          original: z.string().max(1024).describe('Name of the queue or topic that is split.'),
          session: z.string().max(1024).describe("Name of the session's own queue or topic."),
          cutOver: z
            .string()
            .max(2048)
            .optional()
            .describe('Where forwarding began: an RFC 3339 time for SQS, offsets per partition for Kafka.'),
        }),
      )
      .max(LIMITS.queues)
      .optional()
      .meta({ description: 'The queues that the session got.', ...atomicList }),
    pods: z
      .object({
        patched: z.number().int().describe('Pods that read the temporary queues.'),
        total: z.number().int().describe('Pods of the target.'),
      })
      .optional()
      .describe("Progress of the target's pods while it restarts."),
    summary: z
      .object({
        queues: column.describe('The queue ids that the session asks for, as many as fit.'),
        detail: column.describe('What a session that is not Ready waits for, or why it failed.'),
      })
      .optional()
      .describe('For the columns of kubectl get.'),
    conditions: z
      .array(condition)
      .max(16)
      .optional()
      .meta({ description: 'The steps, each with a sentence for people.', ...listMap('type') }),
  })
  .describe('What is. Written by the controller only.');
export type SplitSessionStatus = z.infer<typeof splitSessionStatus>;

export type SplitSession = {
  apiVersion: string;
  kind: 'SplitSession';
  metadata: ObjectMeta;
  spec: SplitSessionSpec;
  status?: SplitSessionStatus;
};
