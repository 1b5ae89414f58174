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

/** From a start to its stop. */
type Reading = {
  readonly stopping: AbortController;
  /** Loops that will poll again. */
  polls: number;
  answers: number;
};

/** An answer with fewer messages says that there are more polls than needed. */
const FEW = MAX_BATCH_ENTRIES / 2;

export class Reader {
  readonly #options: ReaderOptions;
  readonly #changes = new Changes();
  #reading: Reading | undefined;
  /** Loops that have not ended, those that only deliver what their last poll brought included. */
  #loops = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** Begins to read; resolves true after the first answer of the broker, false when the signal was aborted first. */
  start(signal: AbortSignal): Promise<boolean> {
    if (this.#reading === undefined) {
      this.#reading = { stopping: new AbortController(), polls: 0, answers: 0 };
      this.#addLoop(this.#reading);
    }
    const reading = this.#reading;
    return this.#changes.until(() => reading.answers > 0, signal);
  }

  /** Resolves when no poll is under way and everything that was read has been delivered. */
  async stop(): Promise<void> {
    this.#reading?.stopping.abort();
    this.#reading = undefined;
    await this.#changes.until(() => this.#loops === 0);
  }

  #addLoop(reading: Reading): void {
    reading.polls += 1;
    this.#loops += 1;
    void this.#loop(reading);
  }

  async #loop(reading: Reading): Promise<void> {
    const { settings, random, clock, room, mayRead, deliver, onProblem } = this.#options;
    const stopping = reading.stopping.signal;
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
        const messages = await this.#receive(reading);
        backoff.reset();
        onProblem(undefined);
        if (messages.length === MAX_BATCH_ENTRIES && reading.polls < settings.maxPolls && !stopping.aborted)
          this.#addLoop(reading);
        isNeeded = messages.length >= FEW || reading.polls === 1;
        // Before the delivery, which takes a while: two loops that end at the same time must not each count on the other.
        if (!isNeeded) reading.polls -= 1;
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

  async #receive(reading: Reading): Promise<Message[]> {
    const { client, queue, settings } = this.#options;
    const command = new ReceiveMessageCommand({
      QueueUrl: queue.url,
      MaxNumberOfMessages: MAX_BATCH_ENTRIES,
      VisibilityTimeout: settings.visibilitySeconds,
      // The first answer tells whether we may read at all: do not wait for a message.
      WaitTimeSeconds: reading.answers === 0 ? 0 : settings.waitSeconds,
      ...RECEIVE_EVERYTHING,
    });
    const { Messages = [] } = await call('ReceiveMessage', queue.name, client.send(command));
    reading.answers += 1;
    return Messages;
  }
}
