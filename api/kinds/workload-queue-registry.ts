// MirrordWorkloadQueueRegistry: which environment variables of a workload hold names of SQS queues. Written by the platform engineer.
// The kind is mirrord's: what its users have must be accepted as it is, so entries of other brokers keep fields that we do not know.
import { z } from 'zod';
import { name, type ObjectMeta, seconds } from './common.ts';
import { maxProperties, rules } from './keywords.ts';

const MAX_QUEUES = 64;
const MAX_TAGS = 50;

export const queueConsumer = z.object({
  name: name.describe('Name of the workload, in the same namespace.'),
  workloadType: z
    .enum(['Deployment', 'StatefulSet', 'Rollout'])
    .describe('Kind of the workload. Of these only Deployments are split yet; sessions for the others are refused.'),
  container: name.nullish().describe('Name of the container; absent = all containers of the workload.'),
});

/** Exactly one of the two for SQS; checked by `registryQueue`, so that other brokers may bring other sources. */
export const queueNameSource = z.looseObject({
  envVar: z.string().min(1).max(256).optional().describe('Name of the one environment variable that holds the queue.'),
  regexPattern: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe('Regular expression; every environment variable whose name matches holds a queue.'),
});
export type QueueNameSource = z.infer<typeof queueNameSource>;

const exactlyOne = (source: QueueNameSource): boolean =>
  (source.envVar === undefined) !== (source.regexPattern === undefined);

const SOURCE_MESSAGE = 'an SQS queue needs nameSource with exactly one of envVar and regexPattern';

export const registryQueue = z
  .looseObject({
    queueType: z
      .string()
      .min(1)
      .max(64)
      .describe(
        'Kind of broker. SQS is split; entries of other kinds are accepted, and sessions that ask for them are refused.',
      ),
    nameSource: queueNameSource
      .optional()
      .describe('Which environment variables hold the name, URL or ARN of the queue: exactly one of the two fields.'),
    fallbackName: z
      .string()
      .min(1)
      .max(8192)
      .nullish()
      .describe(
        'Name or URL of the queue if the workload does not have the variable. The variable is then added with the name of the temporary queue.',
      ),
    namesFromJsonMap: z
      .boolean()
      .nullish()
      .describe(
        'True: the variable holds a JSON object with string values, and every value is a queue. False, the default: its value is the queue.',
      ),
    tags: z
      .record(z.string().min(1).max(128), z.string().max(256).describe('Value of the tag.'))
      .nullish()
      .meta({
        description: 'Tags for all temporary queues, besides those of the original queue; on a clash these win.',
        ...maxProperties(MAX_TAGS),
      }),
    sns: z
      .boolean()
      .nullish()
      .describe(
        'True: messages come from SNS, and filters are meant for the attributes in the envelope. Not supported yet: sessions for this queue are refused.',
      ),
    s3Event: z
      .boolean()
      .nullish()
      .describe(
        "mirrord's: message bodies are S3 event notifications, whose metadata jq programs see. Accepted; without jq programs it changes nothing.",
      ),
  })
  .refine((queue) => queue.queueType !== 'SQS' || (queue.nameSource !== undefined && exactlyOne(queue.nameSource)), {
    message: SOURCE_MESSAGE,
    path: ['nameSource'],
  })
  .meta({
    description: 'One queue, or several queues of one kind, that the workload reads.',
    ...rules({
      rule: "self.queueType != 'SQS' || (has(self.nameSource) && has(self.nameSource.envVar) != has(self.nameSource.regexPattern))",
      message: SOURCE_MESSAGE,
      fieldPath: '.nameSource',
    }),
  });
export type RegistryQueue = z.infer<typeof registryQueue>;

export const workloadQueueRegistrySpec = z
  .object({
    consumer: queueConsumer.describe('The workload that reads the queues.'),
    queues: z
      .record(z.string().min(1).max(253), registryQueue)
      .refine((queues) => Object.keys(queues).length <= MAX_QUEUES, { message: `at most ${MAX_QUEUES} queues` })
      .meta({ description: 'Queue id → queue. mirrord.json refers to the id.', ...maxProperties(MAX_QUEUES) }),
    workloadRestartTimeout: seconds.nullish().describe('Seconds to wait for the restarted workload; 120 unless set.'),
  })
  .describe('Which queues a workload reads, and where it has their names from.');
export type WorkloadQueueRegistrySpec = z.infer<typeof workloadQueueRegistrySpec>;

/** Shared with `MirrordSqsSession`. */
export const queueNameUpdate = z.object({
  originalName: z.string().max(1024).describe('Name of the original queue.'),
  outputName: z.string().max(1024).describe('Name of the temporary queue.'),
});

export const queueNameUpdates = z
  .record(z.string().min(1).max(1024), queueNameUpdate.describe('What the name was and what it is now.'))
  .meta({ description: 'Original and temporary names.', ...maxProperties(1024) });

export const workloadQueueRegistryStatus = z
  .object({
    sqsDetails: z
      .object({
        queueNames: queueNameUpdates.describe(
          'Queue id, or <queue id>::<original name> when one id stands for several queues → names.',
        ),
        directEnvVars: z
          .record(z.string().min(1).max(256), z.string().max(253).describe('Queue id.'))
          .meta({ description: 'Variable with a value in the pod template → queue id.', ...maxProperties(1024) }),
        envUpdates: queueNameUpdates.describe('Environment variable → names.'),
      })
      .nullish()
      .describe("The queues that mirrord's operator splits at the moment."),
  })
  .describe("Written by mirrord's operator. queue-splitter leaves it empty: what it splits is in the WorkloadSplits.");
export type WorkloadQueueRegistryStatus = z.infer<typeof workloadQueueRegistryStatus>;

export type WorkloadQueueRegistry = {
  apiVersion: string;
  kind: 'MirrordWorkloadQueueRegistry';
  metadata: ObjectMeta;
  spec: WorkloadQueueRegistrySpec;
  status?: WorkloadQueueRegistryStatus;
};
