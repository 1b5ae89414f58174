// The chart's pre-delete hook: no new sessions, and wait until no split is left. The controller does the work; this only asks and watches.
import { z } from 'zod';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { pause, systemClock } from '../common/clock.ts';
import { readConfig } from '../common/config.ts';
import { SplitterError, toSplitterError } from '../common/errors.ts';
import { createKubeClient } from '../common/kube/client.ts';
import { inClusterConnection } from '../common/kube/connection.ts';
import { WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';
import { createLogger, type Log } from '../common/log.ts';
import { EXIT_FAILURE, runMain } from '../common/process/main.ts';
import { markUninstalling, unmarkUninstalling } from './uninstalling.ts';

const POLL_MS = 1000;

const schema = z.object({
  POD_NAME: z.string().min(1).default('uninstall'),
  QUEUE_SPLITTER_NAMESPACE: z.string().min(1),
  QUEUE_SPLITTER_UNINSTALL_TIMEOUT_MS: z.coerce.number().int().min(0).default(300_000),
});

const log = createLogger('uninstall', process.env);
// Helm goes on with the uninstallation when this ends well, also when it was only told to end.
await runMain(log, (signal) => uninstall(signal, log), process, EXIT_FAILURE);

async function uninstall(signal: AbortSignal, log: Log): Promise<void> {
  const config = readConfig(schema, process.env);
  const client = createKubeClient(await inClusterConnection(process.env), { userAgent: 'queue-splitter-uninstall' });
  const namespace = config.QUEUE_SPLITTER_NAMESPACE;
  const renew = () => markUninstalling(client, namespace, config.POD_NAME, systemClock.now());
  try {
    await untilNoSplits(client, renew, config.QUEUE_SPLITTER_UNINSTALL_TIMEOUT_MS, signal, log);
  } finally {
    await unmark(client, namespace, log);
    await client.close();
  }
}

/** What becomes of the mark does not decide how this ends: one that nobody renews means nothing soon. */
async function unmark(client: KubeClient, namespace: string, log: Log): Promise<void> {
  try {
    await unmarkUninstalling(client, namespace);
  } catch (error) {
    log.warn({ err: error }, 'cannot take the mark away; it means nothing any more in half a minute');
  }
}

/** Rejects with the list of what is left when the time is over. */
async function untilNoSplits(
  client: KubeClient,
  renewMark: () => Promise<void>,
  timeoutMs: number,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const startedAt = systemClock.monotonic();
  let said = '';
  for (;;) {
    const left = await look(client, renewMark);
    if (left === undefined) return;
    if (left !== said) log.info(`waiting for ${left}`);
    said = left;
    if (signal.aborted || systemClock.monotonic() - startedAt > timeoutMs) {
      throw new SplitterError(
        'Interrupted',
        `Splits are left: ${left}. See their conditions (kubectl describe workloadsplits -A); helm uninstall --no-hooks removes the chart without waiting and leaves their temporary queues`,
      );
    }
    await pause(systemClock, POLL_MS, signal);
  }
}

/** What is left; undefined = nothing. An API server that is away for a moment is asked again. */
async function look(client: KubeClient, renewMark: () => Promise<void>): Promise<string | undefined> {
  try {
    await renewMark();
    const { items } = await client.list<WorkloadSplit>(WORKLOAD_SPLITS);
    return items.length === 0 ? undefined : items.map(describe).join('; ');
  } catch (error) {
    const { retryable, message } = toSplitterError(error);
    if (!retryable) throw error;
    return `nobody knows which (${message})`;
  }
}

function describe({ metadata, spec, status }: WorkloadSplit): string {
  const progress = status?.conditions?.find((condition) => condition.type === 'Progressing')?.message;
  return `${metadata.namespace}/${metadata.name} (${spec.phase}${progress ? `: ${progress}` : ''})`;
}
