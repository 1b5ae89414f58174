// One queue of a WorkloadSplit: where its messages come from and go to, what the forwarder shall do with it, and what the forwarder says.
import { z } from 'zod';
import { filter, LIMITS, name, queueKind, text, time } from './common.ts';
import { atomicList, maxProperties } from './keywords.ts';

/** Where messages are read from or written to. SQS has `url`; Kafka has `topic` and, where the ledger knows it, `topicId`. */
export const queueLocation = z.object({
  name: z.string().min(1).max(256).describe('Name of the queue or topic.'),
  url: z.string().max(1024).optional().describe('SQS: URL of the queue.'),
  topicId: z.string().max(64).optional().describe('Kafka: id of the topic.'),
  group: z
    .string()
    .max(256)
    .optional()
    .describe(
      "Kafka: the consumer group whose reader this topic feeds. For the original it is the application's group.",
    ),
});
export type QueueLocation = z.infer<typeof queueLocation>;

export const route = z.object({
  session: name.describe('Name of the session.'),
  sessionUid: z.string().max(64).describe('Uid of the session.'),
  filter,
  mode: z
    .enum(['steal'])
    .default('steal')
    .describe('steal: a message that matches goes to the session and nowhere else.'),
  destination: queueLocation.describe("The session's queue."),
  startedAt: time.describe(
    'When the session started, RFC 3339. Several routes match one message: the one that started first gets it.',
  ),
  ending: z
    .boolean()
    .default(false)
    .describe(
      'True: no message goes here any more; the forwarder moves what is left to the fallback queue and reports it Returned.',
    ),
});
export type Route = z.infer<typeof route>;

/**
 * What the forwarder shall do with one queue.
 * - `Hold`: read nothing (pods of the target may still read the original).
 * - `Forward`: read the original and route.
 * - `Stop`: read nothing any more and have nothing in flight (Kafka: producers idle).
 * - `Return`: SQS: move what is left in session and fallback queues back to the original. Kafka: nothing is moved (see `rewind`).
 */
export const desiredForwarding = z
  .enum(['Hold', 'Forward', 'Stop', 'Return'])
  .describe(
    'What the forwarder shall do: Hold (read nothing yet), Forward (read and route), Stop (have nothing in flight), Return (move left-overs back to the original).',
  );
export type DesiredForwarding = z.infer<typeof desiredForwarding>;

export const partitionOffset = z.object({
  partition: z.number().int().min(0).describe('Number of the partition.'),
  offset: z.string().max(24).describe('Offset in the partition, decimal.'),
});

/** How the forwarder reaches the broker. Never a credential: only names of objects that hold them. */
export const brokerConnection = z.object({
  region: z.string().max(64).optional().describe("SQS: region; absent = the SDK's default chain decides."),
  endpoint: z.string().max(512).optional().describe('SQS: endpoint, for emulators and VPC endpoints.'),
  clientConfig: name.optional().describe("Kafka: name of the MirrordKafkaClientConfig in the operator's namespace."),
});
export type BrokerConnection = z.infer<typeof brokerConnection>;

/** Where the target's pod template names the queue; enough to render the variable again for any other queue. */
export const queueVariable = z.object({
  container: name.describe('Container of the target that has the variable.'),
  variable: z.string().min(1).max(256).describe('Name of the variable.'),
  format: z
    .enum(['Plain', 'JsonMap'])
    .default('Plain')
    .describe(
      'Plain: the whole value is the name, URL or ARN. JsonMap: a JSON object whose string values are names, URLs or ARNs.',
    ),
  original: z.string().max(32768).describe('What the application sees without us.'),
  origin: z.string().max(512).describe('Where that value came from; for people.'),
});
export type QueueVariable = z.infer<typeof queueVariable>;

export const splitQueue = z.object({
  key: z
    .string()
    .min(1)
    .max(512)
    .describe('Unique in the split: the queue id, or <id>::<original name> when one id stands for several queues.'),
  id: z.string().min(1).max(253).describe('Queue id.'),
  kind: queueKind,
  connection: brokerConnection.default({}).describe('How the broker is reached. Holds no credential.'),
  variables: z.array(queueVariable).max(64).default([]).describe('The variables of the target that name this queue.'),
  groupVariables: z
    .array(queueVariable)
    .max(64)
    .default([])
    .describe(
      'Kafka: the variables that hold the consumer group; only a local process of a session gets another group.',
    ),
  tags: z
    .record(z.string().max(128), z.string().max(256).describe('Value of the tag.'))
    .optional()
    .meta({ description: 'SQS: extra tags of every temporary queue.', ...maxProperties(50) }),
  original: queueLocation.describe('The queue or topic that the target reads when nothing is split.'),
  fallback: queueLocation.describe('What the target reads during the split.'),
  routes: z
    .array(route)
    .max(LIMITS.routesPerQueue)
    .default([])
    .meta({ description: 'One for each session.', ...atomicList }),
  forwarding: desiredForwarding,
  transactionalIdPrefix: z
    .string()
    .max(200)
    .optional()
    .describe(
      'Kafka: transactional ids are <prefix>-<i>, i = source partition modulo producers; fixed for the life of the split.',
    ),
  producers: z.number().int().min(1).max(64).optional().describe('Kafka: number of transactional producers.'),
  leftOvers: z
    .enum(['Rewind', 'Drop'])
    .optional()
    .describe(
      'Kafka, after a drain that ran into its limit: what becomes of the records that the target has not read. Rewind: its group goes back to them on the original. Drop: they are deleted with the fallback.',
    ),
  rewound: z
    .boolean()
    .optional()
    .describe(
      'Kafka, when the target is gone or its drain was given up: its group stands again at the first original record whose copy nobody read.',
    ),
  fallbackEnd: z
    .array(partitionOffset)
    .max(2048)
    .optional()
    .meta({
      description:
        'Kafka, with rewound: where the fallback ended then. What lies behind it the target itself sent there; it goes to the original before the fallback is deleted.',
      ...atomicList,
    }),
  fenced: z
    .boolean()
    .optional()
    .describe(
      'Kafka, while restoring: every transactional id is fenced; nothing can move the offsets of the group any more.',
    ),
  start: z
    .array(partitionOffset)
    .max(2048)
    .optional()
    .meta({
      description:
        "Kafka: where every partition began for the application's group, taken before the restart: its offset, else by auto.offset.reset. Forwarding begins there where the group has no offset; a rewind looks for unread records from there on.",
      ...atomicList,
    }),
});
export type SplitQueue = z.infer<typeof splitQueue>;

export const QUEUE_STATES = [
  'Holding',
  'CuttingOver',
  'Forwarding',
  'Stopped',
  'Returning',
  'Returned',
  'Error',
] as const;

export const forwarderQueueStatus = z.object({
  key: z.string().max(512).describe('The key of the queue.'),
  state: z.enum(QUEUE_STATES).describe('What the forwarder is doing with it.'),
  message: text.optional().describe('One sentence for people when the state needs one.'),
  reason: z.string().max(128).optional().describe('Machine-readable cause of an error.'),
  cutOver: z
    .string()
    .max(2048)
    .optional()
    .describe('RFC 3339 time (SQS) or partition:offset list (Kafka) at which forwarding began.'),
  returned: z
    .array(
      z.object({
        sessionUid: z.string().max(64).describe('Uid of the session.'),
        messages: z.number().int().describe('Messages that were moved.'),
      }),
    )
    .max(LIMITS.routesPerQueue)
    .optional()
    .meta({ description: 'Sessions whose ending route has been emptied into the fallback queue.', ...atomicList }),
  seen: z
    .array(
      z.object({
        sessionUid: z.string().max(64).describe('Uid of the session.'),
        read: z.number().int().describe('Messages read from the original since the session began.'),
        matched: z.number().int().describe('How many of them the session got.'),
        names: z
          .array(
            z.object({
              name: z.string().max(LIMITS.attributeNameLength).describe("A name of the session's filter."),
              messages: z.number().int().describe('Messages that carry it, counted until the first match.'),
              distinct: z.number().int().describe('How many different values it had, counted up to 50.'),
            }),
          )
          .max(LIMITS.attributesPerFilter)
          .meta({ description: 'One for each name of the filter.', ...atomicList }),
      }),
    )
    .max(LIMITS.routesPerQueue)
    .optional()
    .meta({
      description:
        'For sessions that wait for their first match: what was read, and what was seen of their filter names. Never values.',
      ...atomicList,
    }),
});
export type ForwarderQueueStatus = z.infer<typeof forwarderQueueStatus>;
