// Reads one original queue by long polls, as many at a time as the flow needs: a full answer starts another one, a nearly empty answer ends
// one, and one always remains. A running poll is never aborted: the broker might hand its messages to nobody.
import { type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type Clock, pause } from '../../common/clock.ts';
import type { SplitterError } from '../../common/errors.ts';
import { createBackoff } from '../../common/kube/backoff.ts';
import { call } from '../../common/sqs/client.ts';
import { MAX_BATCH_ENTRIES, RECEIVE_EVERYTHING } from '../../common/sqs/copy.ts';
import { toSqsError } from '../../common/sqs/errors.ts';
import { Changes } from '../changes.ts';
import type { SqsSettings } from './settings.ts';

export type ReaderOptions = {
  client: SQSClient;
  queue: { name: string; url: string };
  settings: SqsSettings;
  /** Resolves when there is room for more messages or the signal is aborted. */
  room: (signal: AbortSignal) => Promise<void>;
  mayRead: () => boolean;
  /** Takes the messages over; resolves when the reader may go on. Must not reject. */
  deliver: (messages: Message[]) => Promise<void>;
  onProblem: (problem: SplitterError | undefined) => void;
  clock: Clock;
  random: () => number;
};

/** An answer with fewer messages says that there are more polls than needed. */
const FEW = MAX_BATCH_ENTRIES / 2;

export class Reader {
  readonly #options: ReaderOptions;
  readonly #changes = new Changes();
  #stopping = new AbortController();
  #loops = 0;
  #answers = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#stopping.abort();
  }

  get isReading(): boolean {
    return !this.#stopping.signal.aborted;
  }

  /** Begins to read; resolves true after the first answer of the broker, false when the signal was aborted first. */
  start(signal: AbortSignal): Promise<boolean> {
    if (!this.isReading) {
      this.#stopping = new AbortController();
      this.#answers = 0;
      this.#addLoop();
    }
    return this.#changes.until(() => this.#answers > 0, signal);
  }

  /** Resolves when no poll is under way and everything that was read has been delivered. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#changes.until(() => this.#loops === 0);
  }

  #addLoop(): void {
    this.#loops += 1;
    void this.#loop(this.#stopping.signal);
  }

  async #loop(stopping: AbortSignal): Promise<void> {
    const { settings, random, clock, room, mayRead, deliver, onProblem } = this.#options;
    const backoff = createBackoff({ baseMs: settings.retryBaseMs, maxMs: settings.retryMaxMs, random });
    let isNeeded = true;
    while (isNeeded && !stopping.aborted) {
      await room(stopping);
      if (stopping.aborted) break;
      try {
        if (!mayRead()) {
          await pause(clock, backoff.next(), stopping);
          continue;
        }
        const messages = await this.#receive();
        backoff.reset();
        onProblem(undefined);
        if (messages.length === MAX_BATCH_ENTRIES && this.#loops < settings.maxPolls && !stopping.aborted)
          this.#addLoop();
        if (messages.length < FEW && this.#loops > 1) isNeeded = false;
        if (messages.length > 0) await deliver(messages);
        this.#changes.notify();
      } catch (error) {
        onProblem(toSqsError(error, 'ReceiveMessage', this.#options.queue.name));
        await pause(clock, backoff.next(), stopping);
      }
    }
    this.#loops -= 1;
    this.#changes.notify();
  }

  async #receive(): Promise<Message[]> {
    const { client, queue, settings } = this.#options;
    const command = new ReceiveMessageCommand({
      QueueUrl: queue.url,
      MaxNumberOfMessages: MAX_BATCH_ENTRIES,
      VisibilityTimeout: settings.visibilitySeconds,
      // The first answer tells whether we may read at all: do not wait for a message.
      WaitTimeSeconds: this.#answers === 0 ? 0 : settings.waitSeconds,
      ...RECEIVE_EVERYTHING,
    });
    const { Messages = [] } = await call('ReceiveMessage', queue.name, client.send(command));
    this.#answers += 1;
    return Messages;
  }
}
