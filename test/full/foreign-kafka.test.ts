/** Applications with other Kafka clients than ours live through a split: Java, librdkafka, Python, Node; all group protocols, assignors and ways to commit. */
import { after, before, describe, it } from 'node:test';
import { type Application, livesThroughASplit } from '../brokers/foreign/kafka-life.ts';
import { skipWithout } from '../brokers/foreign/programs.ts';
import { type KafkaWorld, opened, openKafkaWorld, skip } from '../brokers/kafka-support.ts';

const COOPERATIVE = { 'partition.assignment.strategy': 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor' };
const READ_COMMITTED = { 'isolation.level': 'read_committed' };

const APPLICATIONS: Readonly<Record<string, Application>> = {
  'Java, classic protocol, auto commit': { library: 'java', commit: 'auto' },
  'Java, cooperative, commit per record': { library: 'java', commit: 'record', properties: COOPERATIVE },
  'Java, KIP-848, read_committed': {
    library: 'java',
    commit: 'poll',
    properties: { 'group.protocol': 'consumer', ...READ_COMMITTED },
  },
  'Java by pattern': { library: 'java', commit: 'poll', byPattern: true },
  'Java, KIP-848, static member': {
    library: 'java',
    commit: 'auto',
    properties: { 'group.protocol': 'consumer', 'group.instance.id': 'worker-0' },
  },
  'Java, classic static member': { library: 'java', commit: 'poll', properties: { 'group.instance.id': 'worker-0' } },
  'librdkafka, eager, auto commit': { library: 'confluent', commit: 'auto' },
  'librdkafka, cooperative-sticky, read_uncommitted': {
    library: 'confluent',
    commit: 'record',
    properties: { 'partition.assignment.strategy': 'cooperative-sticky', 'isolation.level': 'read_uncommitted' },
  },
  'librdkafka, KIP-848': { library: 'confluent', commit: 'record', properties: { 'group.protocol': 'consumer' } },
  'librdkafka by pattern': { library: 'confluent', commit: 'auto', byPattern: true },
  aiokafka: { library: 'aiokafka', commit: 'auto' },
  'aiokafka, read_committed, commit per round': { library: 'aiokafka', commit: 'poll', properties: READ_COMMITTED },
  'kafka-python': { library: 'kafka-python', commit: 'poll' },
  kafkajs: { library: 'kafkajs', commit: 'auto' },
  'kafkajs, read_uncommitted': {
    library: 'kafkajs',
    commit: 'auto',
    properties: { 'isolation.level': 'read_uncommitted' },
  },
  '@platformatic/kafka': { library: 'platformatic', commit: 'record' },
};

describe('applications of other Kafka clients', { skip, concurrency: 3 }, () => {
  let world: KafkaWorld | undefined;
  before(async () => {
    world = await openKafkaWorld();
  });
  after(() => world?.close());

  for (const [name, application] of Object.entries(APPLICATIONS)) {
    it(name, { skip: skipWithout(application.library) }, () => livesThroughASplit(opened(world), application));
  }
});
