// Temporary SQS queues that nobody owns any more: finds them by prefix and tags, moves what is in them back to the original, deletes them
// when they are empty. A queue without the tags of this very cluster is never touched.
import { DeleteQueueCommand, ListQueuesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { CLUSTER_TAG, ORIGINAL_TAG, SPLIT_TAG } from '../../../api/constants.ts';
import type { BrokerConnection, QueueLocation } from '../../../api/kinds/workload-split.ts';
import type { Clock } from '../../../common/clock.ts';
import { toSplitterError } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import { SQS_PREFIX } from '../../../common/naming/sqs.ts';
import { parseQueueReference } from '../../../common/naming/sqs-reference.ts';
import { call, type SqsClients } from '../../../common/sqs/client.ts';
import { readDepth, totalOf } from '../../../common/sqs/depth.ts';
import { moveAll } from '../../../common/sqs/move.ts';
import type { Collector } from '../collector.ts';
import { assertOwned, isDenied, isMissing, tagsOf, urlOf } from './admin.ts';

export type FoundQueue = {
  name: string;
  url: string;
  connection: BrokerConnection;
  splitUid: string;
  /** URL of the original, as the queue's tag has it. */
  original: string | undefined;
};

export type SqsOrphansOptions = {
  clients: SqsClients;
  /** How long a queue must look empty before it is deleted. */
  emptyConfirmationMs: number;
  clock: Clock;
  log: Log;
};

/** One pass is not held up longer by messages that a reader has in flight. */
const MOVE_DEADLINE_MS = 30_000;
const VISIBILITY_SECONDS = 30;
const PAGE_SIZE = 1000;

type Queue = { client: SQSClient; connection: BrokerConnection; name: string; url: string };

/**
 * Temporary queues of this cluster; `known` names are not asked about. A queue that does not let us read its tags is not known to be ours.
 * @throws SplitterError `PermissionDenied` (sqs:ListQueues), `CredentialsMissing` and others.
 */
export async function findQueues(
  clients: SqsClients,
  connection: BrokerConnection,
  clusterUid: string,
  known: ReadonlySet<string>,
  log: Log,
): Promise<FoundQueue[]> {
  const client = clients.for(connection);
  const found: FoundQueue[] = [];
  for (const url of await listUrls(client)) {
    const { name } = parseQueueReference(url);
    const tags = known.has(name) ? {} : await readableTags(client, { name, url }, log);
    const splitUid = tags[SPLIT_TAG];
    if (tags[CLUSTER_TAG] !== clusterUid || splitUid === undefined) continue;
    found.push({ name, url, connection, splitUid, original: tags[ORIGINAL_TAG] });
  }
  return found;
}

async function listUrls(client: SQSClient): Promise<string[]> {
  const urls: string[] = [];
  let NextToken: string | undefined;
  do {
    const command = new ListQueuesCommand({ QueueNamePrefix: SQS_PREFIX, MaxResults: PAGE_SIZE, NextToken });
    const page = await call('ListQueues', `${SQS_PREFIX}*`, client.send(command));
    urls.push(...(page.QueueUrls ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return urls;
}

async function readableTags(
  client: SQSClient,
  queue: { name: string; url: string },
  log: Log,
): Promise<Record<string, string>> {
  try {
    return await tagsOf(client, queue);
  } catch (error) {
    if (isMissing(error)) return {};
    if (!isDenied(error)) throw error;
    log.warn(
      { queue: queue.name },
      `nobody knows whether SQS queue ${queue.name} was left behind by a split: its tags may not be read; grant sqs:ListQueueTags on it if it is ours`,
    );
    return {};
  }
}

/** Of one split queue, as it is remembered. */
export function createSqsCollector(options: SqsOrphansOptions): Collector {
  const { clients, log } = options;
  return async ({ queue, entries, owner }, signal) => {
    const kept = await Promise.all(
      entries.map(async (entry) => {
        const client = clients.for(queue.connection, entry.url ?? queue.original.url);
        const { name } = entry;
        return await kindly(name, signal, async () => {
          const url = entry.url ?? (await urlOf(client, name));
          if (url === undefined) return undefined;
          await assertOwned(client, { name, url }, owner, log);
          return await reclaim(options, { client, connection: queue.connection, name, url }, queue.original, signal);
        });
      }),
    );
    return kept.filter((sentence) => sentence !== undefined);
  };
}

/** Of which only the queue itself tells anything. Resolves to why it was kept. */
export async function collectQueue(
  options: SqsOrphansOptions,
  { name, url, connection, original }: FoundQueue,
  signal: AbortSignal,
): Promise<string | undefined> {
  const queue = { client: options.clients.for(connection, url), connection, name, url };
  const source = original === undefined ? undefined : { name: parseQueueReference(original).name, url: original };
  return await kindly(name, signal, () => reclaim(options, queue, source, signal));
}

async function reclaim(
  { clients, emptyConfirmationMs, clock, log }: SqsOrphansOptions,
  queue: Queue,
  original: QueueLocation | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (original?.url === undefined) {
    const messages = totalOf(await readDepth(queue.client, queue));
    return `SQS queue ${queue.name} belongs to no split, and does not say which queue its messages came from (${messages} are in it now); move them and delete it`;
  }
  const { moved, empty, left } = await moveAll({
    from: queue,
    to: { name: original.name, url: original.url, client: clients.for(queue.connection, original.url) },
    confirmMs: emptyConfirmationMs,
    deadlineMs: MOVE_DEADLINE_MS,
    visibilitySeconds: VISIBILITY_SECONDS,
    mayWrite: () => !signal.aborted,
    // The sweep does not begin while a forwarder may still send.
    mayGetMore: () => false,
    clock,
    signal,
  });
  if (moved > 0)
    log.warn({ queue: queue.name, original: original.name, moved }, 'moved messages back to their original');
  if (!empty) {
    return `SQS queue ${queue.name} belongs to no split and still holds ${totalOf(left)} messages (${left.inFlight} in flight at a reader); they move to ${original.name} when their visibility timeout is over`;
  }
  await call('DeleteQueue', queue.name, queue.client.send(new DeleteQueueCommand({ QueueUrl: queue.url })));
  return undefined;
}

/** What goes wrong is told; that the queue itself is gone is what was wanted. */
async function kindly(
  name: string,
  signal: AbortSignal,
  work: () => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (isMissing(error) && error.details['queue'] === name) return undefined;
    return `SQS queue ${name} belongs to no split and is kept: ${toSplitterError(error).message}`;
  }
}
