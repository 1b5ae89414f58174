// The suites of `npm test`, in the order in which they run: the fast and most telling ones first.

import { isCached } from '../testbed/cache.ts';
import { planClusterTools } from '../testbed/toolchain/index.ts';
import {
  elasticMqEffort,
  elasticMqVersion,
  kafkaEffort,
  kafkaVersion,
  olderKafkaVersion,
} from '../testbed/toolchain/kafka.ts';
import type { PlannedStep } from '../testbed/toolchain/plan.ts';
import { pythonCacheName, pythonEffort } from '../testbed/toolchain/python.ts';

export type Suite = {
  name: string;
  /** Of test files, relative to the repository. */
  glob: string;
  /** Test files at the same time. The larger suites share one machine with the programs that they start. */
  concurrency: number;
  /** A file that takes longer, without what has to be built first, has failed. */
  fileTimeoutMs: number;
  /** About how long the suite takes on two cores when everything is built, for the announcement. */
  usualSeconds: number;
  /** What it needs once on a machine. */
  plan: () => PlannedStep[];
  /** Runs only when asked for. */
  optional?: true;
};

const minutes = (count: number): number => count * 60_000;

export const SUITES: readonly Suite[] = [
  {
    name: 'unit',
    glob: 'test/unit/**/*.test.ts',
    concurrency: 2,
    fileTimeoutMs: minutes(2),
    usualSeconds: 35,
    plan: () => [],
  },
  {
    name: 'helm',
    glob: 'test/helm/**/*.test.ts',
    concurrency: 2,
    fileTimeoutMs: minutes(3),
    usualSeconds: 20,
    plan: planClusterTools,
  },
  {
    name: 'testbed',
    glob: 'test/testbed/**/*.test.ts',
    concurrency: 1,
    fileTimeoutMs: minutes(4),
    usualSeconds: 30,
    plan: planClusterTools,
  },
  {
    name: 'brokers',
    glob: 'test/brokers/**/*.test.ts',
    concurrency: 2,
    fileTimeoutMs: minutes(5),
    usualSeconds: 105,
    plan: () => planBrokers(),
  },
  {
    name: 'cluster',
    glob: 'test/cluster/**/*.test.ts',
    concurrency: 2,
    fileTimeoutMs: minutes(10),
    usualSeconds: 280,
    plan: () => [...planClusterTools(), ...planBrokers()],
  },
  {
    name: 'full',
    glob: 'test/full/**/*.test.ts',
    concurrency: 1,
    fileTimeoutMs: minutes(30),
    usualSeconds: 3_000,
    plan: () => [...planClusterTools(), ...planBrokers([kafkaVersion, olderKafkaVersion])],
    optional: true,
  },
];

function planBrokers(kafkaVersions: readonly string[] = [kafkaVersion]): PlannedStep[] {
  const steps: PlannedStep[] = [];
  const add = (what: string, cacheName: string, effort: { seconds: number; diskMegabytes: number }) => {
    if (!isCached(cacheName)) steps.push({ what, minutes: effort.seconds / 60, megabytes: effort.diskMegabytes });
  };
  for (const version of kafkaVersions) {
    add(`Apache Kafka ${version} (from Maven Central)`, `kafka-${version}`, kafkaEffort);
  }
  add(`ElasticMQ ${elasticMqVersion} (from Maven Central)`, `elasticmq-${elasticMqVersion}`, elasticMqEffort);
  add('moto, boto3 and Kafka clients for Python (from PyPI)', pythonCacheName, pythonEffort);
  return steps;
}
