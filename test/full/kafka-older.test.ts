/** The same life of a split with a broker of Kafka 3.7, which knows no KIP-848 groups, no share groups and no types of groups. */
import { describe, it } from 'node:test';
import { type Application, livesThroughASplit } from '../brokers/foreign/kafka-life.ts';
import { skipWithout } from '../brokers/foreign/programs.ts';
import { openKafkaWorld, skip, useKafkaWorld } from '../brokers/kafka-support.ts';
import { ensureOlderKafka } from '../testbed/toolchain/kafka.ts';

const program = await ensureOlderKafka();
const COOPERATIVE = { 'partition.assignment.strategy': 'cooperative-sticky' };

const APPLICATIONS: readonly Application[] = [
  { library: 'kafkajs', commit: 'auto' },
  { library: 'java', commit: 'poll' },
  { library: 'confluent', commit: 'record', properties: COOPERATIVE },
];

describe('a broker of Kafka 3.7', { skip }, () => {
  const world = useKafkaWorld(() => openKafkaWorld({}, {}, program));

  for (const application of APPLICATIONS) {
    it(`serves a ${application.library} application`, { skip: skipWithout(application.library) }, () =>
      livesThroughASplit(world(), application),
    );
  }
});
