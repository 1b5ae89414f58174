/**
 * `node kafka-pipeline-program.ts BOOTSTRAP QUEUE` (JSON): the Kafka pipeline of one queue as a process of its own, so that tests can kill
 * it. Writes each new status as a JSON line. Ends with the process; no test reads anything else of it.
 */
import type { SplitQueue } from '../../api/kinds/workload-split.ts';
import { systemClock } from '../../common/clock.ts';
import { createKafkaPipeline } from '../../sidecar/kafka/pipeline.ts';

const [bootstrap = '', queueText = ''] = process.argv.slice(2);
const queue = JSON.parse(queueText) as SplitQueue;
const pipeline = createKafkaPipeline(
  queue,
  {
    split: { name: 'deployment-worker', namespace: 'shop', uid: 'u' },
    onChange: () => console.log(JSON.stringify(pipeline.status())),
    mayWrite: () => true,
    othersMayWrite: () => undefined,
    isFallbackRead: () => true,
  },
  {
    resolveProperties: async () => new Map([['bootstrap.servers', bootstrap]]),
    clock: systemClock,
    random: Math.random,
    // Small turns, so that there are many of them to die in.
    settings: { readerGraceMs: 0, fetchWaitMs: 100, partitionBytes: 1000, fetchBytes: 4000 },
  },
);
await pipeline.apply(queue);
