// Moves everything that is left in one queue to another: receive → send → delete what was acknowledged. At least once; never deletes
// what is not stored elsewhere. Needs Receive and Delete on the source only when something is left there.
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { type Clock, pause } from '../clock.ts';
import { crashPoint } from '../crash-points.ts';
import { SplitterError } from '../errors.ts';
import { call } from './client.ts';
import { copyOf, intoBatches, MAX_BATCH_ENTRIES, RECEIVE_EVERYTHING, sizeOf } from './copy.ts';
import { type QueueDepth, readDepth, totalOf } from './depth.ts';
import { isTooLong } from './errors.ts';

export type MoveEnd = { client: SQSClient; name: string; url: string };

export type MoveRequest = {
  from: MoveEnd;
  to: MoveEnd;
  /**
   * The source counts as empty after all of its counts were zero for so long. The counts are approximate: AWS needs at least 60 s
   * (GetQueueAttributes), emulators count exactly.
   */
  confirmMs: number;
  /** After so long the call returns, empty or not; messages in flight at a reader can take hours to come back. */
  deadlineMs: number;
  /** How long a message is ours while it is moved. */
  visibilitySeconds: number;
  /** Asked before each send and again before what was sent is deleted; false ends the move with an error. */
  mayWrite: () => boolean;
  /** True while somebody may still send to the source: an empty look then proves nothing. */
  mayGetMore: () => boolean;
  clock: Clock;
  signal: AbortSignal;
  /** Called with the number of messages of each acknowledged batch. */
  onMoved?: (messages: number) => void;
};

export type MoveResult = { moved: number; empty: boolean; left: QueueDepth };

/** Calls in flight at the same time while there is something to move. */
const WORKERS = 4;
const LONGEST_LOOK_MS = 10_000;
const EMPTY: QueueDepth = { visible: 0, inFlight: 0, delayed: 0 };

/**
 * Resolves when the source has been empty for the confirmation window, or at the deadline with what is left.
 * @throws SplitterError of the broker; a source that does not exist (any more) is empty. The signal's reason when it is aborted.
 */
export async function moveAll(request: MoveRequest): Promise<MoveResult> {
  const { clock, signal, confirmMs, deadlineMs } = request;
  const startedAt = clock.monotonic();
  const lookEveryMs = Math.min(LONGEST_LOOK_MS, Math.max(confirmMs / 6, 100));
  let moved = 0;
  let emptySince: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const left = await depthOf(request.from);
    const now = clock.monotonic();
    const seemsEmpty = totalOf(left) === 0;
    if (seemsEmpty && !request.mayGetMore()) {
      emptySince ??= now;
      if (now - emptySince >= confirmMs) return { moved, empty: true, left };
    } else {
      emptySince = undefined;
      // Also when nothing seems visible: counts are late, and some emulators count messages as in flight until somebody asks for them.
      const count = seemsEmpty ? 0 : await moveVisible(request);
      moved += count;
      if (clock.monotonic() - startedAt >= deadlineMs) {
        return { moved, empty: false, left: await depthOf(request.from) };
      }
      if (count > 0) continue;
    }
    await pause(clock, lookEveryMs, signal);
  }
}

async function depthOf(queue: MoveEnd): Promise<QueueDepth> {
  try {
    return await readDepth(queue.client, queue);
  } catch (error) {
    if (error instanceof SplitterError && error.code === 'QueueNotFound') return EMPTY;
    throw error;
  }
}

/** Moves until a receive comes back empty. */
async function moveVisible(request: MoveRequest): Promise<number> {
  const worker = async (): Promise<number> => {
    let moved = 0;
    for (;;) {
      request.signal.throwIfAborted();
      const messages = await receive(request);
      if (messages.length === 0) return moved;
      for (const batch of intoBatches(messages, sizeOf)) moved += await moveBatch(request, batch);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: WORKERS }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return results.reduce((sum, result) => sum + (result.status === 'fulfilled' ? result.value : 0), 0);
}

async function receive({ from, visibilitySeconds }: MoveRequest): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: from.url,
    MaxNumberOfMessages: MAX_BATCH_ENTRIES,
    VisibilityTimeout: visibilitySeconds,
    ...RECEIVE_EVERYTHING,
  });
  return (await call('ReceiveMessage', from.name, from.client.send(command))).Messages ?? [];
}

async function moveBatch(request: MoveRequest, batch: Message[]): Promise<number> {
  const { from } = request;
  await refuseWhenTooLate(request, batch);
  const stored = await store(request, batch);
  crashPoint('move.between-send-and-delete');
  // Others may have taken over meanwhile, emptied the destination and be about to delete it: what stays in the source is moved again.
  await refuseWhenTooLate(request, stored);
  if (stored.length === 0) return 0;
  const Entries = stored.map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle }));
  const removal = new DeleteMessageBatchCommand({ QueueUrl: from.url, Entries });
  await call('DeleteMessage', from.name, from.client.send(removal));
  request.onMoved?.(stored.length);
  return stored.length;
}

async function refuseWhenTooLate({ from, to, mayWrite }: MoveRequest, batch: Message[]): Promise<void> {
  if (mayWrite()) return;
  await release(from, batch);
  throw new SplitterError('Conflict', `Another replica may hold this split; nothing is moved to ${to.name} now.`, {
    retryable: true,
  });
}

/** The messages that the destination acknowledged; the others are given back to the source. */
async function store(request: MoveRequest, batch: Message[]): Promise<Message[]> {
  const { from, to } = request;
  const Entries = batch.map((message, index) => copyOf(message, String(index)));
  const command = new SendMessageBatchCommand({ QueueUrl: to.url, Entries });
  try {
    const { Successful = [], Failed = [] } = await call('SendMessage', to.name, to.client.send(command));
    const stored = new Set(Successful.map((entry) => entry.Id));
    await release(
      from,
      batch.filter((_, index) => !stored.has(String(index))),
    );
    const refused = Failed[0];
    if (refused !== undefined && stored.size === 0) {
      throw new SplitterError(
        'BrokerRejected',
        `Queue ${to.name} refused a message: ${refused.Code} ${refused.Message ?? ''}.`,
        {
          retryable: refused.SenderFault !== true,
        },
      );
    }
    return batch.filter((_, index) => stored.has(String(index)));
  } catch (error) {
    if (batch.length > 1 && isTooLong(error)) return storeHalves(request, batch);
    await release(from, batch);
    throw error;
  }
}

/** A failure of the second half shows itself when its messages are read again: what the first half brought over has to be deleted. */
async function storeHalves(request: MoveRequest, batch: Message[]): Promise<Message[]> {
  const middle = Math.ceil(batch.length / 2);
  const first = await store(request, batch.slice(0, middle)).catch(async (error: unknown) => {
    await release(request.from, batch.slice(middle));
    throw error;
  });
  const second = await store(request, batch.slice(middle)).catch((error: unknown) => {
    if (first.length === 0) throw error;
    return [];
  });
  return [...first, ...second];
}

/** Best effort: what cannot be given back comes back by itself after its visibility timeout. */
async function release(from: MoveEnd, batch: Message[]): Promise<void> {
  if (batch.length === 0) return;
  const Entries = batch.map((message, index) => ({
    Id: String(index),
    ReceiptHandle: message.ReceiptHandle,
    VisibilityTimeout: 0,
  }));
  await from.client
    .send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: from.url, Entries }))
    .catch(() => undefined);
}
