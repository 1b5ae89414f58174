// The way to one destination queue: a bounded buffer, batch sends, retries. A message leaves it in one of three ways: stored (then, and only
// then, its original may be deleted), given back to the original, or taken out to be routed again. One outbox never waits for another.
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../../common/clock.ts';
import { crashPoint } from '../../common/crash-points.ts';
import { SplitterError } from '../../common/errors.ts';
import { call } from '../../common/sqs/client.ts';
import { copyOf, MAX_BATCH_ENTRIES } from '../../common/sqs/copy.ts';
import { isTooLong } from '../../common/sqs/errors.ts';
import { Batcher } from './batcher.ts';
import type { Hand, Held } from './hand.ts';
import type { Meters, Role } from './meters.ts';
import type { SqsSettings } from './settings.ts';

export type Destination = Role & { name: string; url: string };

export type OutboxOptions = {
  destination: Destination;
  client: SQSClient;
  hand: Hand;
  /** Takes over a message whose copy is acknowledged. */
  onStored: (held: Held) => void;
  onProblem: (problem: SplitterError | undefined) => void;
  mayWrite: () => boolean;
  meters: Meters;
  settings: SqsSettings;
  clock: Clock;
  random: () => number;
};

/** After so many failed calls in a row a destination is not waited for any more. */
const STUCK_AFTER = 3;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #batcher: Batcher<Held>;
  #isStuck = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { settings, clock, random } = options;
    this.#batcher = new Batcher<Held>({
      sizeOf: (held) => held.bytes,
      maxConcurrent: settings.maxSends,
      send: (batch) => this.#send(batch),
      onOutcome: (problem) => this.#judge(problem),
      retryBaseMs: settings.retryBaseMs,
      retryMaxMs: settings.retryMaxMs,
      clock,
      random,
    });
  }

  /** True while the destination keeps failing: it gets one batch as a probe, and everything else goes back to the original for a while. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  /** False when there is no room. */
  tryAdd(held: Held): boolean {
    const limit = this.#isStuck ? MAX_BATCH_ENTRIES : this.#options.settings.maxWaiting;
    if (this.#batcher.waiting >= limit) return false;
    this.#batcher.add(held);
    return true;
  }

  /** Resolves when there is room, when the outbox is retired, or when the signal is aborted. */
  async room(signal: AbortSignal): Promise<void> {
    await this.#batcher.below(this.#options.settings.maxWaiting, signal);
  }

  idle(signal?: AbortSignal): Promise<boolean> {
    return this.#batcher.idle(signal);
  }

  /** Sends nothing new, waits for sends under way, returns what was not sent. What was wrong with the destination is over then. */
  async retire(): Promise<Held[]> {
    const unsent = await this.#batcher.stop();
    this.#options.onProblem(undefined);
    return unsent;
  }

  #judge(problem: SplitterError | undefined): void {
    const { hand, settings, onProblem } = this.#options;
    this.#isStuck = problem !== undefined && (!problem.retryable || this.#batcher.failures >= STUCK_AFTER);
    if (this.#isStuck) {
      const excess = this.#batcher.take(MAX_BATCH_ENTRIES);
      void giveBack(hand, excess, settings);
    }
    onProblem(problem);
  }

  async #send(batch: Held[]): Promise<Held[]> {
    const { hand, mayWrite, destination } = this.#options;
    if (!mayWrite()) {
      throw new SplitterError(
        'Conflict',
        `Another replica may hold this split; nothing is sent to ${destination.name} now.`,
        {
          retryable: true,
        },
      );
    }
    const ours = batch.filter((held) => hand.isOurs(held));
    // The others are visible again or with another reader; whoever reads them sends them.
    for (const held of batch) if (!ours.includes(held)) hand.forget(held);
    return ours.length === 0 ? [] : this.#sendOurs(ours);
  }

  async #sendOurs(batch: Held[]): Promise<Held[]> {
    const { client, destination, clock, hand, mayWrite, meters, settings } = this.#options;
    crashPoint('sqs.before-send');
    const Entries = batch.map((held, index) => copyOf(held.message, String(index)));
    const command = new SendMessageBatchCommand({ QueueUrl: destination.url, Entries });
    try {
      const { Successful = [], Failed = [] } = await call('SendMessage', destination.name, client.send(command));
      crashPoint('sqs.between-send-and-delete');
      // Others may have taken over meanwhile, emptied this queue and be about to delete it: what stays in the original comes again.
      if (!mayWrite()) {
        await hand.release(batch, 0);
        return [];
      }
      const stored = new Set(Successful.map((entry) => entry.Id));
      const refused = new Set(Failed.filter((entry) => entry.SenderFault === true).map((entry) => entry.Id));
      if (stored.size > 0) meters.forwardedAt(clock.now());
      for (const [index, held] of batch.entries()) if (stored.has(String(index))) this.#stored(held);
      for (const entry of Failed) meters.failed(entry.Code ?? 'partial_batch');
      await giveBack(
        hand,
        batch.filter((_, index) => refused.has(String(index))),
        settings,
      );
      return batch.filter((_, index) => !stored.has(String(index)) && !refused.has(String(index)));
    } catch (error) {
      if (!(error instanceof SplitterError)) throw error;
      if (batch.length > 1 && isTooLong(error)) return this.#sendHalves(batch);
      meters.failed(String(error.details['reason'] ?? error.code));
      throw error;
    }
  }

  /** What the first half stored must not be sent again: a failure of the second half shows itself when that is tried again. */
  async #sendHalves(batch: Held[]): Promise<Held[]> {
    const middle = Math.ceil(batch.length / 2);
    const first = await this.#sendOurs(batch.slice(0, middle));
    const second = batch.slice(middle);
    return [...first, ...(await this.#sendOurs(second).catch(() => second))];
  }

  #stored(held: Held): void {
    const { clock, destination, meters, onStored } = this.#options;
    held.stored = true;
    const sentAt = Number(held.message.Attributes?.SentTimestamp);
    const ageSeconds = Number.isFinite(sentAt) ? Math.max(0, (clock.now() - sentAt) / 1000) : undefined;
    meters.routed(destination, held.bytes, (clock.monotonic() - held.readAt) / 1000, ageSeconds);
    onStored(held);
  }
}

/** Gives messages back for a while that grows with each time they were read, because every read counts for the original's dead-letter rule. */
export async function giveBack(hand: Hand, messages: readonly Held[], settings: SqsSettings): Promise<void> {
  const byDelay = Map.groupBy(messages, (held) => {
    const reads = Math.max(1, Number(held.message.Attributes?.ApproximateReceiveCount ?? 1));
    return Math.min(settings.redeliverySeconds * 2 ** Math.min(reads - 1, 10), settings.maxRedeliverySeconds);
  });
  await Promise.all([...byDelay].map(([delay, group]) => hand.release(group, delay)));
}
