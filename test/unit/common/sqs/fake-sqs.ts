// An SQS client whose calls the test answers one by one. It knows nothing of queues; emulators do.
import type { SQSClient } from '@aws-sdk/client-sqs';

export type FakeCall = {
  /** `ReceiveMessage`, `SendMessageBatch` … */
  action: string;
  input: Record<string, unknown>;
  answer: (output: object) => void;
  fail: (error: Error) => void;
};

export class FakeSqs {
  readonly calls: FakeCall[] = [];
  /** Answers (or, by throwing, refuses) at once what it knows; every other call waits for the test. */
  reply: (action: string, input: Record<string, unknown>) => object | undefined = () => undefined;

  /** For everything that takes a client and only calls `send`. */
  get client(): SQSClient {
    return { send: (command: object) => this.#send(command) } as unknown as SQSClient;
  }

  of(action: string): FakeCall[] {
    return this.calls.filter((call) => call.action === action);
  }

  #send(command: object): Promise<object> {
    const action = command.constructor.name.replace(/Command$/, '');
    const { input } = command as { input: Record<string, unknown> };
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    this.calls.push({ action, input, answer: resolve, fail: reject });
    try {
      const reply = this.reply(action, input);
      if (reply !== undefined) resolve(reply);
    } catch (error) {
      reject(error);
    }
    return promise;
  }
}
