// What one queue's data path tells: its state, its problems, where it cut over, and what filters have seen. The same for every kind of
// broker, and within the limits of the status. Decides nothing: which problem is the one to tell is the data path's business.
import { LIMITS } from '../api/kinds/common.ts';
import type { ForwarderQueueStatus, Route } from '../api/kinds/workload-split.ts';
import type { SplitterError } from '../common/errors.ts';
import type { MessageAttributes } from '../common/filter/filter.ts';
import { shorten } from '../common/text.ts';
import { type Seen, SeenSampler } from './seen.ts';

export type State = ForwarderQueueStatus['state'];

/** What only the data path knows. `isError` shows instead of the state. */
export type Verdict = {
  isError: boolean;
  problem: SplitterError | undefined;
  returned: NonNullable<ForwarderQueueStatus['returned']>;
};

export class Telling {
  readonly #onChange: () => void;
  readonly #problems = new Map<string, SplitterError>();
  readonly #sampler: SeenSampler;
  #state: State = 'Holding';
  /** What the status says of the sampler; taken now and then, so that the status does not change with every message. */
  #seen: Seen[] = [];
  /** The cut-over point of this ownership; undefined before it. Told with the next change. */
  cutOver: string | undefined;

  /**
   * @param comparable how the broker's kind compares attribute names.
   * @param onChange called whenever `status` would say something else.
   */
  constructor(comparable: (name: string) => string, onChange: () => void) {
    this.#sampler = new SeenSampler(comparable);
    this.#onChange = onChange;
  }

  get state(): State {
    return this.#state;
  }

  /** Source → problem, in the order in which they came up. */
  get problems(): ReadonlyMap<string, SplitterError> {
    return this.#problems;
  }

  status(key: string, { isError, problem, returned }: Verdict): ForwarderQueueStatus {
    return {
      key,
      state: isError ? 'Error' : this.#state,
      ...(problem === undefined ? {} : { message: shorten(problem.message, LIMITS.text), reason: problem.code }),
      ...(this.cutOver === undefined ? {} : { cutOver: this.cutOver }),
      ...(returned.length === 0 ? {} : { returned }),
      ...(this.#seen.length === 0 ? {} : { seen: this.#seen }),
    };
  }

  setState(state: State): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#onChange();
  }

  /** undefined: it is over. Returns whether the source had no problem before and has one now. */
  setProblem(source: string, problem: SplitterError | undefined): boolean {
    const before = this.#problems.get(source);
    if (problem === undefined) this.#problems.delete(source);
    else this.#problems.set(source, problem);
    if (before?.message !== problem?.message) this.#onChange();
    return problem !== undefined && before === undefined;
  }

  /** Of sessions that are not in the split any more. */
  forgetProblem(source: string): void {
    this.#problems.delete(source);
  }

  setRoutes(routes: readonly Route[]): void {
    this.#sampler.setRoutes(routes);
  }

  /** One message was read. */
  saw(attributes: MessageAttributes, winner: Route | undefined): void {
    this.#sampler.add(attributes, winner);
  }

  /** Only what helps somebody who waits for a first match is worth a write to the API server. */
  tellSeen(): void {
    const seen = this.#sampler.list();
    const isUseful = seen.some(({ sessionUid, read, matched }) => {
      const told = this.#seen.find((entry) => entry.sessionUid === sessionUid);
      return told === undefined || (told.matched === 0 && (read > told.read || matched > 0));
    });
    if (!isUseful && seen.length === this.#seen.length) return;
    this.#seen = seen;
    this.#onChange();
  }
}
