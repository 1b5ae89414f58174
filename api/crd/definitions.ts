// The six kinds with everything that is not schema: names, columns, and when the chart installs them.
import { GROUP, MIRRORD_GROUP, MIRRORD_VERSION, VERSION } from '../constants.ts';
import { kafkaClientConfigSpec } from '../kinds/kafka-client-config.ts';
import { kafkaTopicsConsumerSpec } from '../kinds/kafka-topics-consumer.ts';
import { splitSessionSpec, splitSessionStatus } from '../kinds/split-session.ts';
import { sqsSessionSpec, sqsSessionStatus } from '../kinds/sqs-session.ts';
import { workloadQueueRegistrySpec, workloadQueueRegistryStatus } from '../kinds/workload-queue-registry.ts';
import { workloadSplitSpec, workloadSplitStatus } from '../kinds/workload-split.ts';
import type { KindDefinition, PrinterColumn } from './definition.ts';

/** `kubectl get queue-splitter` lists the objects of a namespace that have to do with splits. */
const CATEGORIES = ['queue-splitter'];

const OURS = { group: GROUP, version: VERSION, categories: CATEGORIES };
const MIRRORD = { group: MIRRORD_GROUP, version: MIRRORD_VERSION, categories: CATEGORIES };
const IF_SQS = '.Values.operator.sqsSplitting';
const IF_KAFKA = '.Values.operator.kafkaSplitting';

const column = (name: string, jsonPath: string, description: string, priority?: number): PrinterColumn => ({
  name,
  type: 'string',
  jsonPath,
  description,
  ...(priority === undefined ? {} : { priority }),
});
const WIDE = 1;

export const DEFINITIONS: readonly KindDefinition[] = [
  {
    ...OURS,
    kind: 'SplitSession',
    plural: 'splitsessions',
    shortNames: ['ss'],
    description: "One developer's run against one workload: filters for one or more of its queues.",
    spec: splitSessionSpec,
    status: splitSessionStatus,
    selectableFields: ['.spec.target.kind', '.spec.target.name'],
    columns: [
      column('TARGET', '.spec.target.name', 'The workload whose queues are split.'),
      column('QUEUES', '.status.summary.queues', 'Queue ids.'),
      column('PHASE', '.status.phase', 'Where the session is in its life.'),
      column('KEY', '.spec.sessionKey', 'What tells sessions apart for people.'),
      column('DETAIL', '.status.summary.detail', 'What a session that is not Ready waits for, or why it failed.'),
      column('MESSAGE', '.status.message', 'What is happening, or what is wrong, as a sentence.', WIDE),
    ],
  },
  {
    ...OURS,
    kind: 'WorkloadSplit',
    plural: 'workloadsplits',
    shortNames: ['ws'],
    description: 'The state of one workload while its queues are split. Written by the controller; do not edit.',
    spec: workloadSplitSpec,
    status: workloadSplitStatus,
    selectableFields: ['.spec.target.kind', '.spec.target.name'],
    columns: [
      column('TARGET', '.spec.target.name', 'The workload that is split.'),
      column('PHASE', '.spec.phase', 'Where the split is in its life.'),
      column('QUEUES', '.status.summary.queues', 'The queues that are split.'),
      { ...column('SESSIONS', '.status.summary.sessions', 'How many sessions get messages.'), type: 'integer' },
      column('WAITS-FOR', '.status.summary.waitsFor', 'What must happen before the split goes on.'),
      column('SESSION-NAMES', '.status.summary.sessionNames', 'The sessions that get messages.', WIDE),
      { ...column('REVISION', '.spec.revision', 'What is wanted.', WIDE), type: 'integer' },
      {
        ...column('ACKNOWLEDGED', '.status.forwarder.acknowledgedRevision', 'What the forwarder acts on.', WIDE),
        type: 'integer',
      },
      column('FORWARDER', '.status.forwarder.holder', 'The replica that forwards.', WIDE),
    ],
  },
  {
    ...MIRRORD,
    kind: 'MirrordWorkloadQueueRegistry',
    plural: 'mirrordworkloadqueueregistries',
    shortNames: ['qs'],
    description: 'Says which environment variables of a workload hold names of SQS queues.',
    spec: workloadQueueRegistrySpec,
    status: workloadQueueRegistryStatus,
    condition: IF_SQS,
    columns: [
      column('CONSUMER-NAME', '.spec.consumer.name', 'Name of the workload.'),
      column('CONSUMER-KIND', '.spec.consumer.workloadType', 'Kind of the workload.'),
      column('CONTAINER', '.spec.consumer.container', 'Container of the workload; empty = all.'),
    ],
  },
  {
    ...MIRRORD,
    kind: 'MirrordSqsSession',
    plural: 'mirrordsqssessions',
    shortNames: [],
    description: "A session with SQS queues, in mirrord's words. Deleting it ends the session.",
    spec: sqsSessionSpec,
    status: sqsSessionStatus,
    condition: IF_SQS,
    columns: [
      column('CONSUMER-NAME', '.spec.queueConsumer.name', 'Name of the workload.'),
      column('CONSUMER-KIND', '.spec.queueConsumer.workloadType', 'Kind of the workload.'),
      column('ERROR', '.status.StartError.reason', 'Why the session could not start.'),
    ],
  },
  {
    ...MIRRORD,
    kind: 'MirrordKafkaClientConfig',
    plural: 'mirrordkafkaclientconfigs',
    shortNames: [],
    description: "Properties of the Kafka client that reads and writes topics. Lives in the operator's namespace.",
    spec: kafkaClientConfigSpec,
    condition: IF_KAFKA,
    columns: [
      column('PARENT', '.spec.parent', 'Config whose properties are inherited.'),
      column('SECRET', '.spec.loadFromSecret', 'Secret whose entries are properties.'),
      column('CLIENT', '.spec.clientImplementation', "mirrord's choice of client."),
      column('AUTHENTICATION_EXTRA', '.spec.authenticationExtra.kind', 'Authentication beyond properties.'),
    ],
  },
  {
    ...MIRRORD,
    kind: 'MirrordKafkaTopicsConsumer',
    plural: 'mirrordkafkatopicsconsumers',
    shortNames: [],
    description: 'Says which environment variables of a workload hold topics and consumer groups.',
    spec: kafkaTopicsConsumerSpec,
    condition: IF_KAFKA,
    columns: [
      column('CONSUMER-NAME', '.spec.consumerName', 'Name of the workload.'),
      column('CONSUMER-KIND', '.spec.consumerKind', 'Kind of the workload.'),
      column('CONSUMER-API-VERSION', '.spec.consumerApiVersion', 'API version of the workload.'),
      {
        ...column('CONSUMER-RESTART-TIMEOUT', '.spec.consumerRestartTimeout', 'Seconds to wait for the restart.'),
        type: 'integer',
      },
    ],
  },
];
