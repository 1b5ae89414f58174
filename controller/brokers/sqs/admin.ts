// SQS for the controller: describe originals; create, measure and delete temporary queues. Every call is safe to repeat. Works with the guide's
// IAM permissions; where more would make a check stricter (ListQueueTags on temporary queues), it says so once and goes on by the ledger.
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueueTagsCommand,
  type QueueAttributeName,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { BrokerConnection, QueueLocation, SplitQueue } from '../../../api/kinds/workload-split.ts';
import { SplitterError, toSplitterError } from '../../../common/errors.ts';
import { type Log, warnOnce } from '../../../common/log.ts';
import { parseQueueReference, type QueueReference } from '../../../common/naming/sqs-reference.ts';
import { call, type SqsClients } from '../../../common/sqs/client.ts';
import { readDepth, totalOf } from '../../../common/sqs/depth.ts';
import type { BrokerAdmin, CreateRequest, Original } from '../broker.ts';
import {
  admitsAnySource,
  cloneAttributes,
  cloneTags,
  deadLetterArn,
  isOwnedBy,
  type QueueAttributes,
} from './clone.ts';

type Queue = { client: SQSClient; name: string; url: string };

export function createSqsAdmin(clients: SqsClients, loud: Log): BrokerAdmin {
  const log = warnOnce(loud);
  return {
    async describeOriginal(value, connection) {
      const original = await find(clients, parseQueueReference(value), connection);
      const attributes = await attributesOf(original, ['QueueArn', 'FifoQueue']);
      if (attributes['FifoQueue'] === 'true' || original.name.endsWith('.fifo')) throw unsupportedFifo(original.name);
      const identity = attributes['QueueArn'];
      if (identity === undefined) {
        throw new SplitterError('BrokerRejected', `SQS does not say the ARN of queue ${original.name}.`);
      }
      return { location: { name: original.name, url: original.url }, identity } satisfies Original;
    },

    async create(request) {
      const original = queueOf(clients, request.original, request.connection);
      const existing = await urlOf(original.client, request.entry.name);
      if (existing !== undefined) return { url: await claimExisting(original.client, request, existing, log) };
      return { url: await createClone(original, clients, request, log) };
    },

    startOffsets: async () => [],

    settle: async () => ({
      settled: true,
      message: 'SQS does not tell who reads a queue; other readers of the original would get some of its messages.',
    }),

    fence: async () => undefined,

    rewind: async () => ({ moved: [], missing: 0, fallbackEnd: [] }),
    returnOwn: async () => 0,
    outgrown: async () => [],
    grow: async () => undefined,

    async remaining(queue: SplitQueue) {
      if (queue.fallback.url === undefined) return 0;
      try {
        const fallback = queueOf(clients, queue.fallback, queue.connection);
        return totalOf(await readDepth(fallback.client, fallback));
      } catch (error) {
        if (isMissing(error)) return 0;
        throw error;
      }
    },

    async delete(entry, connection, owner) {
      const client = clients.for(connection, entry.url);
      const url = entry.url ?? (await urlOf(client, entry.name));
      if (url === undefined) return;
      try {
        await assertOwned(client, { name: entry.name, url }, owner, log);
        await call('DeleteQueue', entry.name, client.send(new DeleteQueueCommand({ QueueUrl: url })));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
  };
}

function queueOf(clients: SqsClients, location: QueueLocation, connection: BrokerConnection): Queue {
  if (location.url === undefined) {
    throw new SplitterError('Internal', `The URL of SQS queue ${location.name} is not known yet.`, { retryable: true });
  }
  return { name: location.name, url: location.url, client: clients.for(connection, location.url) };
}

/** A URL is taken as it is: its queue may belong to another account, or GetQueueUrl may be forbidden. */
async function find(clients: SqsClients, reference: QueueReference, connection: BrokerConnection): Promise<Queue> {
  const { form, name, region, account } = reference;
  const client = clients.for(region === undefined ? connection : { ...connection, region });
  if (form === 'url') return { name, url: reference.text, client };
  const command = new GetQueueUrlCommand({
    QueueName: name,
    ...(account === undefined ? {} : { QueueOwnerAWSAccountId: account }),
  });
  const { QueueUrl } = await call('GetQueueUrl', name, client.send(command));
  if (QueueUrl === undefined) throw new SplitterError('QueueNotFound', `SQS queue ${name} does not exist.`);
  return { name, url: QueueUrl, client };
}

async function attributesOf(queue: Queue, names: QueueAttributeName[]): Promise<QueueAttributes> {
  const command = new GetQueueAttributesCommand({ QueueUrl: queue.url, AttributeNames: names });
  return (await call('GetQueueAttributes', queue.name, queue.client.send(command))).Attributes ?? {};
}

export async function tagsOf(client: SQSClient, queue: { name: string; url: string }): Promise<Record<string, string>> {
  const command = new ListQueueTagsCommand({ QueueUrl: queue.url });
  return (await call('ListQueueTags', queue.name, client.send(command))).Tags ?? {};
}

/** Undefined when there is no such queue, or when the guide's permissions do not let us ask: creating tells then. */
export async function urlOf(client: SQSClient, name: string): Promise<string | undefined> {
  try {
    return (await call('GetQueueUrl', name, client.send(new GetQueueUrlCommand({ QueueName: name })))).QueueUrl;
  } catch (error) {
    if (isMissing(error) || isDenied(error)) return undefined;
    throw error;
  }
}

async function claimExisting(client: SQSClient, request: CreateRequest, url: string, log: Log): Promise<string> {
  await assertOwned(client, { name: request.entry.name, url }, request.owner, log);
  return url;
}

/**
 * Without permission to read tags we rely on the ledger: its names hold random digits, were written down before the queue was made,
 * and are used once.
 */
export async function assertOwned(
  client: SQSClient,
  queue: { name: string; url: string },
  owner: CreateRequest['owner'],
  log: Log,
): Promise<void> {
  let tags: Record<string, string>;
  try {
    tags = await tagsOf(client, queue);
  } catch (error) {
    if (!isDenied(error)) throw error;
    log.warn(
      { queue: queue.name },
      'sqs:ListQueueTags is not granted on temporary queues; ownership is taken from the ledger',
    );
    return;
  }
  if (isOwnedBy(tags, owner)) return;
  throw new SplitterError(
    'ForeignQueue',
    `SQS queue ${queue.name} exists but does not carry this split's tags, so it is not touched. Delete it by hand if nobody needs it.`,
    { details: { queue: queue.name } },
  );
}

async function createClone(original: Queue, clients: SqsClients, request: CreateRequest, log: Log): Promise<string> {
  const { entry, connection, owner } = request;
  const attributes = await attributesOf(original, ['All']);
  if (attributes['FifoQueue'] === 'true') throw unsupportedFifo(original.name);
  const tags = cloneTags(await tagsOf(original.client, original), request.tags, owner, original.url);
  const redrive = await mayRedrive(clients, attributes, connection, log);
  const create = async (withRedrive: boolean): Promise<string> => {
    const command = new CreateQueueCommand({
      QueueName: entry.name,
      Attributes: cloneAttributes(attributes, entry.name, withRedrive),
      tags,
    });
    const { QueueUrl } = await call('CreateQueue', entry.name, original.client.send(command));
    if (QueueUrl === undefined)
      throw new SplitterError('BrokerRejected', `SQS made queue ${entry.name} without a URL.`);
    return QueueUrl;
  };
  try {
    return await create(redrive !== 'no');
  } catch (error) {
    // Nobody could tell us whether the dead-letter queue admits another source; SQS has.
    if (redrive !== 'unknown' || toSplitterError(error).code !== 'BrokerRejected') throw error;
    log.warn(
      { queue: entry.name },
      `queue ${entry.name} is made without dead-letter queue, which does not admit another source`,
    );
    return create(false);
  }
}

async function mayRedrive(
  clients: SqsClients,
  attributes: QueueAttributes,
  connection: BrokerConnection,
  log: Log,
): Promise<'yes' | 'no' | 'unknown'> {
  const arn = deadLetterArn(attributes['RedrivePolicy']);
  if (arn === undefined) return 'no';
  try {
    const deadLetters = await find(clients, parseQueueReference(arn), connection);
    const { RedriveAllowPolicy } = await attributesOf(deadLetters, ['RedriveAllowPolicy']);
    if (admitsAnySource(RedriveAllowPolicy)) return 'yes';
    log.warn(
      { deadLetterQueue: arn },
      `temporary queues do not get the dead-letter queue ${arn}: its RedriveAllowPolicy names its sources`,
    );
    return 'no';
  } catch {
    return 'unknown';
  }
}

function unsupportedFifo(name: string): SplitterError {
  return new SplitterError(
    'UnsupportedQueueKind',
    `SQS queue ${name} is a FIFO queue; this version splits standard queues only. Remove its queue id from the session.`,
  );
}

export function isMissing(error: unknown): error is SplitterError {
  return error instanceof SplitterError && error.code === 'QueueNotFound';
}

export function isDenied(error: unknown): boolean {
  return error instanceof SplitterError && error.code === 'PermissionDenied';
}
