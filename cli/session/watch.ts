// Follows one SplitSession: a read, then a watch from there, again and again; a poll where watching is not allowed. Since every round
// begins with a read, nothing depends on having seen every event. Never changes anything.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { type SplitterError, toSplitterError } from '../../common/errors.ts';
import { SPLIT_SESSIONS } from '../../common/kube/resources.ts';
import type { KubeClient } from '../../common/kube/types.ts';

export type SessionReference = { name: string; namespace: string; uid: string };

/** `undefined`: the session is gone. */
export type SessionView = SplitSession | undefined;

export type FollowerEvents = {
  onChange(before: SplitSession, after: SessionView): void;
  /** Once when the API server stops answering, and once when it answers again. */
  onReachable(reachable: boolean, error?: SplitterError): void;
};

const ROUND_MS = 1000;
const WATCH_SECONDS = 240;

type Waiter = { look(view: SessionView): void; fail(error: unknown): void };

export class SessionFollower {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #reference: SessionReference;
  readonly #events: FollowerEvents;
  readonly #waiters = new Set<Waiter>();
  #view: SessionView;
  #failure: SplitterError | undefined;
  #reachable = true;
  #mayWatch = true;

  constructor(client: KubeClient, clock: Clock, session: SplitSession, events: FollowerEvents) {
    const { name, namespace = '', uid = '' } = session.metadata;
    this.#client = client;
    this.#clock = clock;
    this.#reference = { name, namespace, uid };
    this.#events = events;
    this.#view = session;
  }

  get view(): SessionView {
    return this.#view;
  }

  /** Resolves with the first thing that `decide` finds in the session, now or later; rejects when `signal` or the API refuses. */
  async until<T>(decide: (view: SessionView) => T | undefined, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiter: Waiter = {
      look: (view) => {
        const found = decide(view);
        if (found !== undefined) resolve(found);
      },
      fail: reject,
    };
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiters.add(waiter);
    try {
      if (this.#failure !== undefined) throw this.#failure;
      waiter.look(this.#view);
      return await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Runs until the session is gone, following it is refused, or `signal` ends it. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#view !== undefined && this.#failure === undefined) {
      await this.#round(signal);
      if (this.#view !== undefined) await pause(this.#clock, ROUND_MS, signal);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { name, namespace } = this.#reference;
    let read: SessionView;
    try {
      read = await this.#client.get<SplitSession>(SPLIT_SESSIONS, { name, namespace });
    } catch (error) {
      return this.#readFailed(toSplitterError(error, 'ApiUnreachable'), signal);
    }
    this.#setReachable(true);
    this.#see(read);
    const resourceVersion = read?.metadata.resourceVersion;
    if (this.#view === undefined || resourceVersion === undefined || !this.#mayWatch) return;
    try {
      await this.#watch(resourceVersion, signal);
    } catch (error) {
      // Whatever broke the watch, the next round reads; only a refusal is for good.
      if (toSplitterError(error).code === 'PermissionDenied') this.#mayWatch = false;
    }
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { name, namespace } = this.#reference;
    const fieldSelector = `metadata.name=${name}`;
    const options = { namespace, fieldSelector, resourceVersion, timeoutSeconds: WATCH_SECONDS, signal };
    for await (const event of this.#client.watch<SplitSession>(SPLIT_SESSIONS, options)) {
      if (event.type === 'BOOKMARK') continue;
      this.#see(event.type === 'DELETED' ? undefined : event.object);
      if (this.#view === undefined) return;
    }
  }

  #readFailed(error: SplitterError, signal: AbortSignal): void {
    if (signal.aborted) return;
    if (error.retryable || error.code === 'ApiUnreachable') {
      this.#setReachable(false, error);
      return;
    }
    this.#failure = error;
    for (const waiter of [...this.#waiters]) waiter.fail(error);
  }

  #setReachable(reachable: boolean, error?: SplitterError): void {
    if (this.#reachable === reachable) return;
    this.#reachable = reachable;
    this.#events.onReachable(reachable, error);
  }

  #see(object: SessionView): void {
    const before = this.#view;
    if (before === undefined) return;
    // Another session of the same name is not ours.
    const after = object?.metadata.uid === this.#reference.uid ? object : undefined;
    this.#view = after;
    this.#events.onChange(before, after);
    for (const waiter of [...this.#waiters]) waiter.look(after);
  }
}
