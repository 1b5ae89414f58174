// The messages of one original queue that we hold: read, not yet deleted. Keeps them invisible for others while we hold them, knows when
// one is not ours any more, and gives back what we cannot deliver. Never deletes.
import {
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchRequestEntry,
  type Message,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../../common/clock.ts';
import type { MessageAttributes } from '../../common/filter/filter.ts';
import { call } from '../../common/sqs/client.ts';
import { intoBatches, sizeOf } from '../../common/sqs/copy.ts';
import { Changes } from '../changes.ts';
import { attributesOf } from './router.ts';

export type Held = {
  readonly message: Message;
  readonly id: string;
  /** What filters see of it. */
  readonly attributes: MessageAttributes;
  readonly bytes: number;
  /** `clock.monotonic()` when it was read. */
  readonly readAt: number;
  /** The newest handle; a redelivery replaces it. */
  receipt: string;
  /** `clock.monotonic()` until which nobody else gets it. */
  oursUntil: number;
  /** Its copy is acknowledged; only its deletion is missing. */
  stored: boolean;
};

export type HandOptions = {
  client: SQSClient;
  queue: { name: string; url: string };
  visibilitySeconds: number;
  maxHeld: number;
  maxHeldBytes: number;
  clock: Clock;
  onProblem: (error: unknown) => void;
};

export class Hand {
  readonly #options: HandOptions;
  readonly #held = new Map<string, Held>();
  readonly #changes = new Changes();
  #bytes = 0;
  #cancelRenewal: (() => void) | undefined;

  constructor(options: HandOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns undefined when we hold this message already (a redelivery); then only its handle is newer. */
  admit(message: Message): Held | undefined {
    const now = this.#options.clock.monotonic();
    const id = message.MessageId ?? '';
    const receipt = message.ReceiptHandle ?? '';
    const oursUntil = now + this.#options.visibilitySeconds * 1000;
    const known = this.#held.get(id);
    if (known !== undefined) {
      known.receipt = receipt;
      known.oursUntil = oursUntil;
      return undefined;
    }
    const held: Held = {
      message,
      id,
      attributes: attributesOf(message),
      bytes: sizeOf(message),
      readAt: now,
      receipt,
      oursUntil,
      stored: false,
    };
    this.#held.set(id, held);
    this.#bytes += held.bytes;
    this.#scheduleRenewal();
    return held;
  }

  forget(held: Held): void {
    if (!this.#held.delete(held.id)) return;
    this.#bytes -= held.bytes;
    this.#changes.notify();
  }

  /** False when somebody else may get it soon or has it: sending it now would only make a duplicate. A tenth of the time is spare. */
  isOurs(held: Held): boolean {
    return this.#options.clock.monotonic() < held.oursUntil - this.#options.visibilitySeconds * 100;
  }

  /** Resolves when there is room for more, or when the signal is aborted. */
  async room(signal: AbortSignal): Promise<void> {
    const { maxHeld, maxHeldBytes } = this.#options;
    await this.#changes.until(() => this.size < maxHeld && this.#bytes < maxHeldBytes, signal);
  }

  /** True when nothing is held; false when the signal was aborted first. */
  empty(signal?: AbortSignal): Promise<boolean> {
    return this.#changes.until(() => this.size === 0, signal);
  }

  /**
   * Gives messages back: others can read them after `seconds`. When the call fails they come back after their visibility timeout. Forgotten
   * first: one that comes again before the answer is a new one, or it would be hidden in nobody's hands.
   */
  async release(messages: readonly Held[], seconds: number): Promise<void> {
    for (const held of messages) this.forget(held);
    await this.#setVisibility(messages, seconds);
  }

  close(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = undefined;
    for (const held of [...this.#held.values()]) this.forget(held);
  }

  #scheduleRenewal(): void {
    if (this.#cancelRenewal !== undefined) return;
    this.#cancelRenewal = this.#options.clock.after((this.#options.visibilitySeconds * 1000) / 4, () => {
      this.#cancelRenewal = undefined;
      void this.#renew();
    });
  }

  /** Every quarter of the visibility timeout, for what has less than three quarters left. */
  async #renew(): Promise<void> {
    const { visibilitySeconds, clock } = this.#options;
    const threshold = clock.monotonic() + visibilitySeconds * 750;
    const due = [...this.#held.values()].filter((held) => held.oursUntil <= threshold);
    const renewed = await this.#setVisibility(due, visibilitySeconds);
    for (const { held, at } of renewed) held.oursUntil = at + visibilitySeconds * 1000;
    if (this.size > 0) this.#scheduleRenewal();
  }

  /** The messages whose visibility was set, and when the call began. Never rejects: a message that is not ours any more is no news. */
  async #setVisibility(messages: readonly Held[], seconds: number): Promise<{ held: Held; at: number }[]> {
    const batches = intoBatches(messages, () => 0);
    const results = await Promise.all(batches.map((batch) => this.#setVisibilityOfBatch(batch, seconds)));
    return results.flat();
  }

  async #setVisibilityOfBatch(batch: Held[], seconds: number): Promise<{ held: Held; at: number }[]> {
    const { client, queue, clock, onProblem } = this.#options;
    const at = clock.monotonic();
    const Entries: ChangeMessageVisibilityBatchRequestEntry[] = batch.map((held, index) => ({
      Id: String(index),
      ReceiptHandle: held.receipt,
      VisibilityTimeout: seconds,
    }));
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: queue.url, Entries });
    try {
      const { Successful = [] } = await call('ChangeMessageVisibility', queue.name, client.send(command));
      const done = new Set(Successful.map((entry) => entry.Id));
      return batch.flatMap((held, index) => (done.has(String(index)) ? [{ held, at }] : []));
    } catch (error) {
      onProblem(error);
      return [];
    }
  }
}
