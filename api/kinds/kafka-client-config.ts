// MirrordKafkaClientConfig: properties of a Kafka client in librdkafka's words, with inheritance. Lives in the operator's namespace.
// How a chain of them becomes one property map: `common/kafka/properties.ts`.
import { z } from 'zod';
import { name } from './common.ts';
import { atomicList } from './keywords.ts';

export const clientProperty = z.object({
  name: z.string().min(1).max(256).describe('Name of the property, for example bootstrap.servers.'),
  value: z
    .union([z.string().max(131_072), z.number().int()], {
      error: 'must be text or a whole number; put quotes around anything else, for example "false" or "1.5"',
    })
    .nullish()
    .describe(
      'Value of the property: text or a whole number. Put quotes around anything else, for example "false" or "1.5". Null or missing: the inherited property is removed.',
    ),
});

export const kafkaClientConfigSpec = z
  .object({
    properties: z
      .array(clientProperty)
      .max(512)
      .meta({ description: 'Properties of the client; may be empty.', ...atomicList }),
    parent: name.nullish().describe('Name of another config in the same namespace whose properties are inherited.'),
    loadFromSecret: z
      .string()
      .max(507)
      .regex(/^[^/]+\/[^/]+$/, 'must be <namespace>/<name>')
      .nullish()
      .describe(
        "Secret whose entries become properties, as <namespace>/<name>. It must be in the operator's namespace and named in the chart value operator.kafkaSecrets. They win over inherited ones and lose to spec.properties.",
      ),
    authenticationExtra: z
      .object({
        kind: z.enum(['MSK_IAM']).describe('MSK_IAM: IAM authentication with Amazon MSK. Not supported yet.'),
        awsRegion: z.string().min(1).max(64).describe('AWS region of the Kafka cluster.'),
      })
      .nullish()
      .describe(
        'Authentication that properties alone cannot express. Not supported yet: sessions for such clusters are refused.',
      ),
    clientImplementation: z
      .enum(['librdkafka', 'java'])
      .nullish()
      .describe("mirrord's choice of client. Accepted for compatibility; there is one client here."),
  })
  .describe('How a Kafka cluster is reached.');
export type KafkaClientConfigSpec = z.infer<typeof kafkaClientConfigSpec>;
