/**
 * `node sqs-pipeline-program.ts QUEUE SETTINGS` (JSON): the SQS pipeline of one queue as a process of its own, so that tests can kill it.
 * Writes each new status as a JSON line. Ends with the process; no test reads anything else of it.
 */
import type { SplitQueue } from '../../api/kinds/workload-split.ts';
import { systemClock } from '../../common/clock.ts';
import { createSqsClients } from '../../common/sqs/client.ts';
import { createSqsPipeline } from '../../sidecar/sqs/pipeline.ts';
import type { SqsSettings } from '../../sidecar/sqs/settings.ts';

const [queueText = '', settingsText = '{}'] = process.argv.slice(2);
const queue = JSON.parse(queueText) as SplitQueue;
const settings = JSON.parse(settingsText) as Partial<SqsSettings>;
const pipeline = createSqsPipeline(
  queue,
  {
    split: { name: 'deployment-worker', namespace: 'shop', uid: 'u' },
    onChange: () => console.log(JSON.stringify(pipeline.status())),
    mayWrite: () => true,
    othersMayWrite: () => undefined,
    isFallbackRead: () => true,
  },
  { clients: createSqsClients(), clock: systemClock, random: Math.random, settings },
);
await pipeline.apply(queue);
