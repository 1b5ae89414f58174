// A cache of one kind of object that follows the API server, whatever breaks in between: list, watch, resume, relist. Tells others *that*
// a key changed; what to do about it is theirs. Nothing that goes wrong here or in a callback ever ends the loop; only `stop` does.
// (client-node's informer stops for ever on a broken stream and calls itself started after a failed list: ADR 2.)
import { type Clock, pause, systemClock } from '../clock.ts';
import { SplitterError, toSplitterError } from '../errors.ts';
import type { Log } from '../log.ts';
import { kubeMetrics } from '../metrics/kube.ts';
import { isExpired, resourceName } from './api-error.ts';
import { createBackoff } from './backoff.ts';
import { objectKey } from './keys.ts';
import type { KubeClient, KubeObject, ListOptions, ObjectName, Resource } from './types.ts';

/** What became of one object; `before` is undefined for a new one, `after` for a deleted one. Never change them: they are the cache. */
export type Change<T> = { key: string; before: T | undefined; after: T | undefined };

export type ReflectorOptions = ListOptions & {
  client: Pick<KubeClient, 'list' | 'watch'>;
  resource: Resource;
  log: Log;
  clock?: Clock;
  random?: () => number;
  /** A full list is made so often even if the watch seems healthy. */
  relistIntervalMs?: number;
};

/** The server is asked to end a watch after a random time in this range, so that replicas do not reconnect together. */
const WATCH_SECONDS = { min: 240, max: 480 };
/** A watch that ends sooner without an event did not work, whatever it says. */
const SHORTEST_WATCH_MS = 1_000;
const BACKOFF = { baseMs: 500, maxMs: 30_000 };

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #relistIntervalMs: number;
  readonly #label: string;
  readonly #objects = new Map<string, T>();
  readonly #callbacks = new Set<(change: Change<T>) => void>();
  readonly #stopping = new AbortController();
  readonly #firstList = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #synced = false;
  /** Where the next watch goes on; undefined = list first. */
  #resourceVersion: string | undefined;
  #listedAt = 0;
  #lastContactAt: number;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#relistIntervalMs = options.relistIntervalMs ?? 600_000;
    this.#label = resourceName(options);
    this.#lastContactAt = this.#clock.monotonic();
  }

  /** Begins to list and watch; returns at once. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends the watch and tells nothing more; the cache stays readable. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return this.#loop;
    this.#stopping.abort();
    await this.#loop;
    kubeMetrics.objects.dec({ resource: this.#label }, this.#objects.size);
  }

  /** True once everything has been listed. It stays true while the API server is away: see `ageMs`. */
  get synced(): boolean {
    return this.#synced;
  }

  /** When the API server last said something, on the monotonic clock in milliseconds. */
  get lastContactAt(): number {
    return this.#lastContactAt;
  }

  /** Milliseconds since the API server last said something; about a minute between bookmarks is normal. */
  ageMs(): number {
    return this.#clock.monotonic() - this.#lastContactAt;
  }

  get(object: ObjectName): T | undefined {
    return this.#objects.get(objectKey(object));
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  /** Called after the cache has changed, also for everything in the first list. Returns how to end it. */
  onChange(callback: (change: Change<T>) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Resolves when `synced`; rejects with `Interrupted` when the signal aborts or the reflector is stopped first. */
  async waitForSync(signal?: AbortSignal): Promise<void> {
    const end = signal ? AbortSignal.any([signal, this.#stopping.signal]) : this.#stopping.signal;
    const interrupted = () =>
      this.#synced
        ? Promise.resolve()
        : Promise.reject(new SplitterError('Interrupted', `Stopped before all ${this.#label} were listed.`));
    if (end.aborted) return interrupted();
    const ended = Promise.withResolvers<void>();
    const onAbort = () => ended.resolve(interrupted());
    end.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#firstList.promise, ended.promise]);
    } finally {
      end.removeEventListener('abort', onAbort);
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = createBackoff({ ...BACKOFF, random: this.#random });
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined || this.#relistDueInMs() <= 0) await this.#relist();
        if (await this.#watch(backoff.reset)) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) this.#resourceVersion = undefined;
        this.#options.log.warn(
          { err: error, resource: this.#label, synced: this.#synced },
          `following ${this.#label} was interrupted and goes on after a pause`,
        );
      }
      await pause(this.#clock, backoff.next(), signal);
    }
  }

  #relistDueInMs(): number {
    return this.#listedAt + this.#relistIntervalMs - this.#clock.monotonic();
  }

  async #relist(): Promise<void> {
    const { client, resource } = this.#options;
    const startedAt = this.#clock.monotonic();
    const list = await this.#counted(kubeMetrics.lists, () => client.list<T>(resource, this.#options));
    if (this.#stopping.signal.aborted) return;
    this.#contact();
    const keys = new Set(list.items.map((item) => objectKey(item.metadata)));
    for (const key of [...this.#objects.keys()]) if (!keys.has(key)) this.#update(key, undefined);
    for (const item of list.items) this.#update(objectKey(item.metadata), item);
    this.#resourceVersion = list.resourceVersion;
    this.#listedAt = startedAt;
    this.#synced = true;
    kubeMetrics.synced.set({ resource: this.#label }, 1);
    this.#firstList.resolve();
  }

  /** Watches until the server ends it. True when it worked: something arrived, or it lasted. */
  async #watch(onWorking: () => void): Promise<boolean> {
    const startedAt = this.#clock.monotonic();
    let working = false;
    await this.#counted(kubeMetrics.watches, async () => {
      for await (const event of this.#events()) {
        // What had arrived before the stop is told to nobody: whoever was told would begin something that nobody ends.
        if (this.#stopping.signal.aborted) return;
        this.#contact();
        working = true;
        onWorking();
        if (event.type === 'BOOKMARK') {
          this.#resourceVersion = event.resourceVersion;
          continue;
        }
        this.#update(objectKey(event.object.metadata), event.type === 'DELETED' ? undefined : event.object);
        this.#resourceVersion = event.object.metadata.resourceVersion;
      }
    });
    if (this.#stopping.signal.aborted) return true;
    this.#contact();
    return working || this.#clock.monotonic() - startedAt >= SHORTEST_WATCH_MS;
  }

  #events() {
    const { client, resource } = this.#options;
    const seconds = WATCH_SECONDS.min + Math.floor(this.#random() * (WATCH_SECONDS.max - WATCH_SECONDS.min + 1));
    return client.watch<T>(resource, {
      ...this.#options,
      resourceVersion: this.#resourceVersion ?? '',
      timeoutSeconds: Math.max(1, Math.min(seconds, Math.ceil(this.#relistDueInMs() / 1000))),
      signal: this.#stopping.signal,
    });
  }

  /**
   * Takes the new state into the cache and tells the callbacks, unless it is the state that is already there. Another object of the same
   * name is told as an end and a beginning, also when a list shows both at once.
   */
  #update(key: string, after: T | undefined): void {
    const known = this.#objects.get(key);
    if (known && after && known.metadata.uid !== after.metadata.uid) this.#update(key, undefined);
    const before = this.#objects.get(key);
    if (before === undefined && after === undefined) return;
    if (before && before.metadata.resourceVersion === after?.metadata.resourceVersion) return;
    if (after) this.#objects.set(key, after);
    else this.#objects.delete(key);
    const resource = this.#label;
    kubeMetrics.events.inc({ resource, type: !after ? 'deleted' : before ? 'modified' : 'added' });
    // Several reflectors may follow objects of one kind.
    if (!before || !after) kubeMetrics.objects.inc({ resource }, after ? 1 : -1);
    for (const callback of this.#callbacks) {
      try {
        callback({ key, before, after });
      } catch (error) {
        kubeMetrics.callbackErrors.inc({ resource });
        this.#options.log.error({ err: error, resource, key }, 'a callback for a changed object failed');
      }
    }
  }

  #contact(): void {
    this.#lastContactAt = this.#clock.monotonic();
    kubeMetrics.lastContact.set({ resource: this.#label }, this.#clock.now() / 1000);
  }

  async #counted<R>(metric: typeof kubeMetrics.lists, work: () => Promise<R>): Promise<R> {
    const labels = (result: string) => ({ resource: this.#label, result });
    try {
      const value = await work();
      metric.inc(labels('ok'));
      return value;
    } catch (error) {
      metric.inc(labels(toSplitterError(error).code));
      throw error;
    }
  }
}
