// MirrordSqsSession: a session with SQS queues in mirrord's words, so that its guide's list and delete commands work verbatim.
// The controller writes one for every session with SQS queues; one that somebody else creates is adopted as a session.
import { z } from 'zod';
import { filter, type ObjectMeta } from './common.ts';
import { maxProperties } from './keywords.ts';
import { queueConsumer, queueNameUpdates } from './workload-queue-registry.ts';

const MAX_QUEUES = 64;
const queueId = z.string().min(1).max(253);

export const sqsSessionSpec = z
  .object({
    sessionId: z
      .string()
      .regex(/^[0-9A-Fa-f]{1,16}$/, 'must be a hexadecimal number of at most 64 bits')
      .max(16)
      .describe('Id of the session: a number of 64 bits, hexadecimal.'),
    queueConsumer: queueConsumer.describe('The workload whose queues are split.'),
    queueFilters: z
      .record(queueId, filter)
      .meta({ description: 'Queue id, or * for all SQS queues → filter.', ...maxProperties(MAX_QUEUES) }),
    queueJqFilters: z
      .record(queueId, z.string().max(8192).describe('jq program.'))
      .nullish()
      .meta({
        description: 'Queue id → jq program. Not supported yet: a session with one is refused.',
        ...maxProperties(MAX_QUEUES),
      }),
    outputQueueNames: z
      .record(z.string().min(1).max(1024), z.string().max(1024).describe('Name of the temporary queue.'))
      .nullish()
      .meta({ description: "Names of the session's queues when another cluster chose them.", ...maxProperties(1024) }),
  })
  .describe('What the session wants of which queues.');
export type SqsSessionSpec = z.infer<typeof sqsSessionSpec>;

const sessionError = z.object({
  statusCode: z.number().int().min(0).max(65535).describe('HTTP status that fits the error.'),
  reason: z.string().max(2048).describe('What is wrong and what to do.'),
});

const splitDetails = z.object({
  queueNames: queueNameUpdates.describe('Queue id, or <queue id>::<original name> → names.'),
  envUpdates: queueNameUpdates.describe('Environment variable → names.'),
});

/** Exactly one of the fields is there; it says where the session is in its life. */
export const sqsSessionStatus = z
  .object({
    Starting: z
      .object({ start_time_utc: z.string().max(64).describe('When the session started, RFC 3339.') })
      .optional()
      .describe('The session is being prepared.'),
    RegisteringFilters: splitDetails.optional().describe('The queues exist; the filters are not in force yet.'),
    Ready: splitDetails.optional().describe('The filters are in force.'),
    StartError: sessionError.optional().describe('The session could not start.'),
    CleanupError: z
      .object({
        error: sessionError.describe('What went wrong.'),
        details: splitDetails.nullish().describe('What may be left.'),
      })
      .optional()
      .describe('The session ended, and something could not be cleaned up.'),
  })
  .describe('Where the session is: exactly one of the fields.');
export type SqsSessionStatus = z.infer<typeof sqsSessionStatus>;

export type SqsSession = {
  apiVersion: string;
  kind: 'MirrordSqsSession';
  metadata: ObjectMeta;
  spec: SqsSessionSpec;
  status?: SqsSessionStatus;
};
