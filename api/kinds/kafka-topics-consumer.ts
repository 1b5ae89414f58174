// MirrordKafkaTopicsConsumer: which environment variables of a workload hold topics and consumer groups. Written by the platform engineer.
import { z } from 'zod';
import { name, type ObjectMeta, seconds } from './common.ts';
import { atomicList, listMap, rules } from './keywords.ts';

const variableName = z.string().min(1).max(256);
const VARIABLE_MESSAGE = 'directEnvVar needs exactly one of variable and its older spelling name';
const GROUP_MESSAGE = 'a topic needs exactly one of groupIdSources and applicationIdSources';

export const environmentSource = z.object({
  directEnvVar: z
    .object({
      container: name.describe('Container of the workload that has the variable.'),
      variable: variableName.optional().describe('Name of the environment variable.'),
      name: variableName.optional().describe('The older spelling of variable.'),
      fallback: z
        .string()
        .max(256)
        .nullish()
        .describe('Value if the container does not have the variable; the variable is then added.'),
    })
    .refine((source) => (source.variable === undefined) !== (source.name === undefined), {
      message: VARIABLE_MESSAGE,
      path: ['variable'],
    })
    .meta({
      description: 'An environment variable of the pod template, with a value or from a ConfigMap.',
      ...rules({
        rule: 'has(self.variable) != has(self.name)',
        message: VARIABLE_MESSAGE,
        fieldPath: '.variable',
      }),
    }),
});
export type EnvironmentSource = z.infer<typeof environmentSource>;

const sources = (description: string) =>
  z
    .array(environmentSource)
    .min(1)
    .max(32)
    .meta({ description, ...atomicList });

export const consumedTopic = z
  .object({
    id: z.string().min(1).max(253).describe('Queue id; mirrord.json refers to it.'),
    clientConfig: name.describe("Name of the MirrordKafkaClientConfig, in the operator's namespace."),
    nameSources: sources('Every place where the workload has the name of the topic.'),
    groupIdSources: sources('Every place where the workload has the id of its consumer group.').optional(),
    applicationIdSources: sources(
      'Kafka Streams: every place where the workload has its application id. Not supported: sessions for this topic are refused.',
    ).optional(),
  })
  .refine((topic) => (topic.groupIdSources === undefined) !== (topic.applicationIdSources === undefined), {
    message: GROUP_MESSAGE,
    path: ['groupIdSources'],
  })
  .meta({
    description: 'One topic that the workload reads.',
    ...rules({
      rule: 'has(self.groupIdSources) != has(self.applicationIdSources)',
      message: GROUP_MESSAGE,
      fieldPath: '.groupIdSources',
    }),
  });

export const kafkaTopicsConsumerSpec = z
  .object({
    consumerName: name.describe('Name of the workload, in the same namespace.'),
    consumerKind: z
      .string()
      .min(1)
      .max(63)
      .describe(
        'Kind of the workload: Deployment, StatefulSet or Rollout. Only Deployments are split yet; sessions for the others are refused.',
      ),
    consumerApiVersion: z.string().min(1).max(128).describe('API version of the workload, for example apps/v1.'),
    consumerRestartTimeout: seconds.nullish().describe('Seconds to wait for the restarted workload; 60 unless set.'),
    splitTtl: seconds
      .nullish()
      .describe(
        "Seconds the workload stays patched after the last session, so that the next one needs no restart; the chart's value unless set.",
      ),
    topics: z
      .array(consumedTopic)
      .max(64)
      .meta({ description: 'The topics that the workload reads.', ...listMap('id') }),
  })
  .describe('Which topics a workload reads, and where it has their names from.');
export type KafkaTopicsConsumerSpec = z.infer<typeof kafkaTopicsConsumerSpec>;

export type KafkaTopicsConsumer = {
  apiVersion: string;
  kind: 'MirrordKafkaTopicsConsumer';
  metadata: ObjectMeta;
  spec: KafkaTopicsConsumerSpec;
};
