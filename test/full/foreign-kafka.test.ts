/** Applications with other Kafka clients than ours live through a split: Java, librdkafka, Python; both group protocols. */
import { describe, it } from 'node:test';
import { type Application, livesThroughASplit } from '../brokers/foreign/kafka-life.ts';
import { skipWithout } from '../brokers/foreign/programs.ts';
import { openKafkaWorld, skip, useKafkaWorld } from '../brokers/kafka-support.ts';

const APPLICATIONS: Readonly<Record<string, Application>> = {
  'Java, classic protocol, auto commit': { library: 'java', commit: 'auto' },
  'Java, KIP-848, static member': {
    library: 'java',
    commit: 'auto',
    properties: { 'group.protocol': 'consumer', 'group.instance.id': 'worker-0' },
  },
  'librdkafka, cooperative-sticky, read_uncommitted': {
    library: 'confluent',
    commit: 'record',
    properties: { 'partition.assignment.strategy': 'cooperative-sticky', 'isolation.level': 'read_uncommitted' },
  },
  'librdkafka, KIP-848': { library: 'confluent', commit: 'record', properties: { 'group.protocol': 'consumer' } },
  aiokafka: { library: 'aiokafka', commit: 'auto' },
  '@platformatic/kafka': { library: 'platformatic', commit: 'auto' },
  'kafkajs, which subscribes by pattern': { library: 'kafkajs', commit: 'auto', byPattern: true },
  'Java, which subscribes by pattern': { library: 'java', commit: 'poll', byPattern: true },
};

describe('applications of other Kafka clients', { skip, concurrency: 3 }, () => {
  const world = useKafkaWorld(openKafkaWorld);

  for (const [name, application] of Object.entries(APPLICATIONS)) {
    it(name, { skip: skipWithout(application.library) }, () => livesThroughASplit(world(), application));
  }
});
