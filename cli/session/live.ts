// A session while qsplit holds it: made, kept alive, followed, and put away again. Whoever opened one must end it.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import { SPLIT_SESSIONS } from '../../common/kube/resources.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import { createSession, referenceOf, type SessionPlan } from './create.ts';
import { beat } from './heartbeat.ts';
import { clockTime, isReady, lossOf, routeIsGone } from './state.ts';
import { type FollowerEvents, SessionFollower, type SessionReference } from './watch.ts';

type LiveSessionOptions = {
  client: KubeClient;
  clock: Clock;
  plan: SessionPlan;
  holder: string;
  events: FollowerEvents & { onOverdue(silentMs: number): void };
};

/** `gone`: no message goes to the session any more. `waiting`: it will end, but had not when we stopped looking. */
export type EndResult = { outcome: 'gone' | 'waiting' | 'kept'; view: SplitSession | undefined; error?: SplitterError };

const RETRY_MS = 1000;

export class LiveSession {
  readonly created: SplitSession;
  readonly reference: SessionReference;
  readonly #options: LiveSessionOptions;
  readonly #follower: SessionFollower;
  readonly #heart: AbortController;
  readonly #following = new AbortController();
  readonly #refused = Promise.withResolvers<SplitterError>();
  /** Since when no heartbeat has arrived (monotonic), once that is longer than the session may live without; until it is seen alive. */
  #silentSince: number | undefined;

  private constructor(options: LiveSessionOptions, created: SplitSession, heart: AbortController) {
    this.#options = options;
    this.#heart = heart;
    this.created = created;
    this.reference = referenceOf(created);
    this.#follower = new SessionFollower(options.client, options.clock, created, options.events);
    void this.#follower.run(this.#following.signal);
    void this.#keepAlive();
  }

  static async open(options: LiveSessionOptions): Promise<LiveSession> {
    const { client, clock, holder, plan, events } = options;
    const heart = new AbortController();
    const heartbeat = { client, clock, holder, signal: heart.signal, onOverdue: events.onOverdue };
    return new LiveSession(options, await createSession(plan, heartbeat), heart);
  }

  get view(): SplitSession | undefined {
    return this.#follower.view;
  }

  /** Rejects with the cause when the session fails or is lost, and with the signal's reason. */
  async ready(signal: AbortSignal): Promise<SplitSession> {
    const settled = this.#follower.until(
      (view) => this.#loss(view) ?? (view !== undefined && isReady(view) ? view : undefined),
      signal,
    );
    const result = await Promise.race([settled, this.#refused.promise]);
    if (result instanceof SplitterError) throw result;
    return result;
  }

  /** Resolves with time and cause when the session is lost; rejects when `signal` ends the wait. */
  async lost(signal: AbortSignal): Promise<SplitterError> {
    const seen = this.#follower
      .until((view) => this.#loss(view), signal)
      .catch((error: unknown) => {
        signal.throwIfAborted();
        return toSplitterError(error);
      });
    return Promise.race([seen, this.#refused.promise]);
  }

  /**
   * Deletes the session and waits until its route is gone, at most `timeoutMs` or until `signal`. Never rejects: at this point there
   * is nothing better to do than to say how far it came.
   */
  async end(timeoutMs: number, signal: AbortSignal): Promise<EndResult> {
    this.#heart.abort();
    const limit = new AbortController();
    const bound = AbortSignal.any([signal, limit.signal]);
    const cancel = this.#options.clock.after(timeoutMs, () => limit.abort());
    try {
      // A request that hangs does not hold up somebody who wants to leave.
      const refusal = await Promise.race([this.#delete(bound), rejectedBy(bound)]);
      if (refusal !== undefined) return { outcome: 'kept', view: this.view, error: refusal };
      await this.#follower.until((view) => (routeIsGone(view) ? true : undefined), bound);
      return { outcome: 'gone', view: this.view };
    } catch {
      return { outcome: 'waiting', view: this.view };
    } finally {
      cancel();
      this.#following.abort();
    }
  }

  /** Again and again while the API server does not answer; resolves with its refusal. */
  async #delete(signal: AbortSignal): Promise<SplitterError | undefined> {
    const { client, clock } = this.#options;
    const { name, namespace, uid } = this.reference;
    for (;;) {
      try {
        await client.delete(SPLIT_SESSIONS, { name, namespace }, { uid });
        return undefined;
      } catch (error) {
        const refusal = toSplitterError(error, 'ApiUnreachable');
        // Conflict: that name belongs to another object now, ours is gone.
        if (refusal.code === 'Conflict') return undefined;
        if (!refusal.retryable && refusal.code !== 'ApiUnreachable') return refusal;
        await pause(clock, RETRY_MS, signal);
        signal.throwIfAborted();
      }
    }
  }

  #loss(view: SplitSession | undefined): SplitterError | undefined {
    const { clock } = this.#options;
    if (view !== undefined) this.#silentSince = undefined;
    const silentMs = this.#silentSince === undefined ? undefined : clock.monotonic() - this.#silentSince;
    return lossOf(view, this.reference.name, new Date(clock.now()), silentMs);
  }

  async #keepAlive(): Promise<void> {
    const { client, clock, holder, plan, events } = this.#options;
    const { signal } = this.#heart;
    const refusal = await beat({
      client,
      clock,
      holder,
      signal,
      timeoutSeconds: plan.heartbeatSeconds,
      session: this.reference,
      onOverdue: (silentMs) => {
        this.#silentSince = clock.monotonic() - silentMs;
        events.onOverdue(silentMs);
      },
    });
    if (refusal === undefined) return;
    const now = new Date(clock.now());
    this.#refused.resolve(
      new SplitterError(
        'SessionLost',
        `The session ${this.reference.name} cannot be kept alive since ${clockTime(now)}: ${refusal.message}`,
        {
          cause: refusal,
          details: {
            session: this.reference.name,
            at: now.toISOString(),
            reason: refusal.code,
            status: refusal.details['status'],
          },
        },
      ),
    );
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
