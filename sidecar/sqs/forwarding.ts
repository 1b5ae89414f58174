// The running data path of one SQS queue: reader → router → outboxes → remover. It can be started, re-routed and stopped; what the split wants
// is the pipeline's business. A message is deleted from the original only after its copy was acknowledged.
import { DeleteMessageBatchCommand, type Message } from '@aws-sdk/client-sqs';
import type { QueueLocation, Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import type { Clock } from '../../common/clock.ts';
import { crashPoint } from '../../common/crash-points.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import type { MessageAttributes } from '../../common/filter/filter.ts';
import { call } from '../../common/sqs/client.ts';
import type { MoveEnd } from '../../common/sqs/move.ts';
import { Batcher } from './batcher.ts';
import { Hand, type Held } from './hand.ts';
import type { Meters } from './meters.ts';
import { type Destination, giveBack, Outbox } from './outbox.ts';
import { Reader } from './reader.ts';
import { createRouter, type Router } from './router.ts';
import type { SqsSettings } from './settings.ts';

/** What a problem is with: the original, or sends to the destination queue of this name. */
export type ForwardingSource = 'read' | 'delete' | { to: string };

export type ForwardingOptions = {
  original: MoveEnd;
  endOf: (location: QueueLocation) => MoveEnd;
  mayWrite: () => boolean;
  /** Every message that was read, once, and the session that gets it. */
  onRead: (attributes: MessageAttributes, winner: Route | undefined) => void;
  onProblem: (source: ForwardingSource, problem: SplitterError | undefined) => void;
  meters: Meters;
  settings: SqsSettings;
  clock: Clock;
  random: () => number;
};

/** Receipt handles that the broker does not know any more: the message is visible again or gone. */
const FORGOTTEN = ['ReceiptHandleIsInvalid', 'InvalidParameterValue'];

export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #hand: Hand;
  readonly #remover: Batcher<Held>;
  readonly #reader: Reader;
  readonly #outboxes = new Map<string, Outbox>();
  #router: Router | undefined;
  #fallback: QueueLocation | undefined;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    const { original, settings, clock, random, mayWrite, meters, onProblem } = options;
    this.#hand = new Hand({
      client: original.client,
      queue: original,
      visibilitySeconds: settings.visibilitySeconds,
      maxHeld: settings.maxHeld,
      maxHeldBytes: settings.maxHeldBytes,
      clock,
      onProblem: () => meters.failed('visibility'),
    });
    this.#remover = new Batcher<Held>({
      sizeOf: () => 0,
      maxConcurrent: settings.maxSends,
      send: (batch) => this.#remove(batch),
      onOutcome: (problem) => onProblem('delete', problem),
      retryBaseMs: settings.retryBaseMs,
      retryMaxMs: settings.retryMaxMs,
      clock,
      random,
    });
    this.#reader = new Reader({
      client: original.client,
      queue: original,
      settings,
      room: (signal) => this.#hand.room(signal),
      mayRead: mayWrite,
      deliver: (messages) => this.#deliver(messages),
      onProblem: (problem) => onProblem('read', problem),
      clock,
      random,
    });
  }

  get isReading(): boolean {
    return this.#reader.isReading;
  }

  /**
   * From now on messages go by these routes. Resolves when no send to a destination that is not among them is under way; what
   * waited for such a destination goes by the new routes.
   */
  async route(queue: SplitQueue): Promise<ReadonlyMap<string, SplitterError>> {
    const router = createRouter(queue);
    this.#router = router;
    this.#fallback = queue.fallback;
    const current = new Set([queue.fallback, ...active(queue.routes).map((route) => route.destination)].map(keyOf));
    const retired = [...this.#outboxes].filter(([key]) => !current.has(key));
    for (const [key] of retired) this.#outboxes.delete(key);
    await Promise.all(
      retired.map(async ([, outbox]) => {
        const unsent = await outbox.retire();
        await this.#hand.release(await this.#place(unsent), 0);
      }),
    );
    return router.problems;
  }

  /** Resolves true when the broker has answered the first read, false when the signal was aborted first. */
  start(signal: AbortSignal): Promise<boolean> {
    return this.#reader.start(signal);
  }

  /**
   * Stops reading and resolves when nothing is in flight: what was read is stored and deleted, or given back at once. Messages that
   * are stored but cannot be deleted are waited for, until the signal is aborted.
   */
  async stop(signal: AbortSignal): Promise<void> {
    await this.#reader.stop();
    if (this.#options.mayWrite() && (await this.#deliveredInTime(signal))) return;
    const outboxes = [...this.#outboxes.values()];
    this.#outboxes.clear();
    const unsent = await Promise.all(outboxes.map((outbox) => outbox.retire()));
    await this.#hand.release(unsent.flat(), 0);
    await this.#hand.empty(signal);
  }

  async #deliveredInTime(signal: AbortSignal): Promise<boolean> {
    const limit = new AbortController();
    const cancel = this.#options.clock.after(this.#options.settings.stopPatienceMs, () => limit.abort());
    const delivered = await this.#hand.empty(AbortSignal.any([signal, limit.signal]));
    cancel();
    return delivered;
  }

  /** After `stop`. Forgets everything; what is still invisible comes back by itself. */
  async close(): Promise<void> {
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.retire()));
    await this.#remover.stop();
    this.#hand.close();
  }

  async #deliver(messages: Message[]): Promise<void> {
    const { meters, settings, onRead } = this.#options;
    const fresh: Held[] = [];
    for (const message of messages) {
      const held = this.#hand.admit(message);
      if (held === undefined) {
        meters.redelivered();
        continue;
      }
      fresh.push(held);
      const winner = this.#winnerOf(held);
      if (winner === undefined) meters.unmatched();
      onRead(held.attributes, winner);
    }
    meters.received(
      fresh.length,
      fresh.reduce((sum, held) => sum + held.bytes, 0),
    );
    meters.held(this.#hand.size, this.#hand.bytes);
    const overflow = await this.#place(fresh);
    if (overflow.length > 0) await giveBack(this.#hand, overflow, settings);
  }

  /** Puts messages into their outboxes, waiting a moment where one is full. Returns those that found no room. */
  async #place(messages: readonly Held[]): Promise<Held[]> {
    const overflow: Held[] = [];
    for (const held of messages) {
      if (!(await this.#offer(held))) overflow.push(held);
    }
    return overflow;
  }

  async #offer(held: Held): Promise<boolean> {
    const { clock, settings } = this.#options;
    const outbox = this.#outboxOf(this.#winnerOf(held));
    if (outbox.tryAdd(held)) return true;
    if (outbox.isStuck) return false;
    const limit = new AbortController();
    const cancel = clock.after(settings.patienceMs, () => limit.abort());
    await outbox.room(limit.signal);
    cancel();
    // The routes may have changed in between.
    return this.#outboxOf(this.#winnerOf(held)).tryAdd(held);
  }

  #winnerOf(held: Held): Route | undefined {
    return this.#router?.select(held.attributes);
  }

  #outboxOf(winner: Route | undefined): Outbox {
    const location = winner?.destination ?? this.#fallback;
    if (location === undefined) throw new SplitterError('Internal', 'A message was read before there were routes.');
    const known = this.#outboxes.get(keyOf(location));
    if (known !== undefined) return known;
    const destination: Destination = {
      role: winner === undefined ? 'fallback' : 'session',
      session: winner?.session ?? '',
      name: location.name,
      url: location.url ?? '',
    };
    const outbox = this.#createOutbox(destination, location);
    this.#outboxes.set(keyOf(location), outbox);
    return outbox;
  }

  #createOutbox(destination: Destination, location: QueueLocation): Outbox {
    const { endOf, mayWrite, meters, settings, clock, random, onProblem } = this.#options;
    return new Outbox({
      destination,
      client: endOf(location).client,
      hand: this.#hand,
      onStored: (held) => this.#remover.add(held),
      onProblem: (problem) => onProblem({ to: destination.name }, problem),
      mayWrite,
      meters,
      settings,
      clock,
      random,
    });
  }

  async #remove(batch: Held[]): Promise<Held[]> {
    const { original, meters } = this.#options;
    const Entries = batch.map((held, index) => ({ Id: String(index), ReceiptHandle: held.receipt }));
    const command = new DeleteMessageBatchCommand({ QueueUrl: original.url, Entries });
    const again = new Set<number>();
    try {
      const { Failed = [] } = await call('DeleteMessage', original.name, original.client.send(command));
      crashPoint('sqs.after-delete');
      for (const entry of Failed) {
        meters.failed(entry.Code ?? 'partial_batch');
        if (!FORGOTTEN.includes(entry.Code ?? '')) again.add(Number(entry.Id));
      }
    } catch (error) {
      const problem = toSplitterError(error);
      // Nothing is left to delete from.
      if (problem.code !== 'QueueNotFound') throw problem;
    }
    for (const [index, held] of batch.entries()) if (!again.has(index)) this.#hand.forget(held);
    meters.held(this.#hand.size, this.#hand.bytes);
    return batch.filter((_, index) => again.has(index));
  }
}

function active(routes: readonly Route[]): Route[] {
  return routes.filter((route) => !route.ending);
}

function keyOf(location: QueueLocation): string {
  return location.url ?? location.name;
}
