// Signals to qsplit itself. Listeners stay for the whole run, so that none of them kills qsplit while a session exists; what a signal
// means changes with the stage: stop preparing, pass it to the command, stop waiting.

/** The signals that ask a program to end. SIGQUIT keeps its meaning (end at once, with a core). */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndingSignal = (typeof ENDING_SIGNALS)[number];

type SignalHandler = (signal: EndingSignal) => void;

type SignalSource = {
  on(signal: EndingSignal, listener: SignalHandler): unknown;
  off(signal: EndingSignal, listener: SignalHandler): unknown;
};

export class SignalRouter {
  readonly #source: SignalSource;
  #handler: SignalHandler | undefined;
  readonly #listener = (signal: EndingSignal) => this.#handler?.(signal);

  constructor(source: SignalSource) {
    this.#source = source;
  }

  /** From here on every ending signal goes to the handler of the current stage, and to nobody when there is none. */
  capture(): void {
    for (const signal of ENDING_SIGNALS) this.#source.on(signal, this.#listener);
  }

  release(): void {
    for (const signal of ENDING_SIGNALS) this.#source.off(signal, this.#listener);
    this.#handler = undefined;
  }

  /** Gives the signals to `handler`, until the next call. */
  route(handler: SignalHandler): void {
    this.#handler = handler;
  }
}
