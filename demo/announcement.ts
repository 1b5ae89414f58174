// What the demo says before it starts: what it is going to do, to build and to need.
import { isCached } from '../test/testbed/cache.ts';
import { planHelm } from '../test/testbed/toolchain/helm.ts';
import { planClusterTools } from '../test/testbed/toolchain/index.ts';
import { kafkaEffort, kafkaVersion, lackingForKafka } from '../test/testbed/toolchain/kafka.ts';
import { describePlan, type PlannedStep } from '../test/testbed/toolchain/plan.ts';
import type { DemoOptions } from './options.ts';

/** Measured with everything built, on two cores that had other things to do. */
const USUAL_MINUTES = 3;
/** Computed, not measured: two images of 178 and 136 MB, which containerd holds packed and unpacked, and some logs and data. */
const RUNNING_MEGABYTES = 700;

export async function announcement({ kubeconfig, kafka }: DemoOptions): Promise<string> {
  const where = kubeconfig === undefined ? 'a Kubernetes cluster of its own' : `the cluster of ${kubeconfig}`;
  const lacking = kafka ? await lackingForKafka() : undefined;
  const steps = [
    ...(kubeconfig === undefined ? planClusterTools() : planHelm()),
    ...(kafka && lacking === undefined ? planKafka() : []),
  ];
  return [
    `queue-splitter's demo: two developers share the queues of one deployed worker, on ${where}.`,
    lacking && `Only the SQS half is played. ${lacking.reason} ${lacking.howToGet}`,
    describePlan(steps),
    `${steps.length === 0 ? 'Everything is built; it' : 'Then it'} takes about ${USUAL_MINUTES} minutes and ${RUNNING_MEGABYTES} MB of disk while it runs. Ctrl-C ends it at any time and leaves nothing behind.`,
  ]
    .filter((line) => line !== undefined)
    .join('\n');
}

function planKafka(): PlannedStep[] {
  const name = `kafka-${kafkaVersion}`;
  if (isCached(name)) return [];
  const { seconds, diskMegabytes } = kafkaEffort;
  return [
    { what: `Apache Kafka ${kafkaVersion} (from Maven Central)`, minutes: seconds / 60, megabytes: diskMegabytes },
  ];
}
