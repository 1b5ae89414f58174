// Kubernetes Events (core v1) for people who type `kubectl describe`. Equal events are counted, not repeated. Telling must never disturb
// the work: nothing here throws.
import type { ObjectMeta } from '../../api/kinds/common.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Log } from '../log.ts';
import { shorten } from '../text.ts';
import { isNotFound } from './api-error.ts';
import { EVENTS } from './resources.ts';
import type { KubeClient } from './types.ts';

/** What an event is about. A cluster-scoped object has no namespace; its events lie in `default`. */
export type InvolvedObject = {
  apiVersion: string;
  kind: string;
  metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion'>;
};

type KubeEvent = {
  apiVersion: 'v1';
  kind: 'Event';
  metadata: ObjectMeta;
  involvedObject: Record<string, string | undefined>;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: { component: string };
  reportingComponent: string;
  reportingInstance: string;
};

export type EventRecorderOptions = {
  client: Pick<KubeClient, 'create' | 'mergePatch'>;
  /** Who says so, for example `queue-splitter-controller`. */
  component: string;
  /** Which replica: the pod's name. */
  instance: string;
  log: Log;
  clock?: Clock;
  random?: () => number;
};

/** So many different events are remembered; the oldest is forgotten first and would be created anew. */
const REMEMBERED = 1000;
/** The API server drops events after an hour by default; well before that a new one is made. */
const AGGREGATION_MS = 600_000;
/** Bounds of the API. */
const MESSAGE_LENGTH = 1024;
const NAME_LENGTH = 253;

type Remembered = { name: string; count: number; createdAt: number };

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #remembered = new Map<string, Remembered>();
  /** Events are written one after another: bursts must not run into each other or into the API server. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Resolves when the event is written or given up; nobody needs to wait for it. `reason` is CamelCase, `message` one sentence. */
  record(about: InvolvedObject, type: KubeEvent['type'], reason: string, message: string): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        await this.#write(about, type, reason, shorten(message, MESSAGE_LENGTH));
      } catch (error) {
        this.#options.log.debug({ err: error, reason, object: about.metadata.name }, 'an event could not be written');
      }
    });
    return this.#last;
  }

  async #write(about: InvolvedObject, type: KubeEvent['type'], reason: string, message: string): Promise<void> {
    const { kind, metadata } = about;
    const key = JSON.stringify([kind, metadata.namespace, metadata.name, metadata.uid, type, reason, message]);
    const known = this.#remembered.get(key);
    const now = this.#clock.monotonic();
    if (known && now - known.createdAt < AGGREGATION_MS && (await this.#countUp(about, known))) return;
    const name = await this.#create(about, type, reason, message);
    this.#remembered.delete(key);
    this.#remembered.set(key, { name, count: 1, createdAt: now });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }

  /** False when the event is gone. */
  async #countUp(about: InvolvedObject, known: Remembered): Promise<boolean> {
    const patch = { count: known.count + 1, lastTimestamp: this.#timestamp() };
    try {
      await this.#options.client.mergePatch(EVENTS, { name: known.name, namespace: namespaceOf(about) }, patch);
      known.count += 1;
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #create(about: InvolvedObject, type: KubeEvent['type'], reason: string, message: string): Promise<string> {
    const { component, instance, client } = this.#options;
    const suffix = `${this.#clock.now().toString(16)}${Math.floor(this.#random() * 0xffff).toString(16)}`;
    const stem = about.metadata.name.slice(0, NAME_LENGTH - suffix.length - 1).replace(/[.-]+$/, '');
    const name = `${stem}.${suffix}`;
    const timestamp = this.#timestamp();
    const event: KubeEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: namespaceOf(about) },
      involvedObject: { apiVersion: about.apiVersion, kind: about.kind, ...pointer(about.metadata) },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: timestamp,
      lastTimestamp: timestamp,
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    };
    await client.create(EVENTS, event);
    return name;
  }

  /** Events have whole seconds. */
  #timestamp(): string {
    return new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}

function namespaceOf(about: InvolvedObject): string {
  return about.metadata.namespace ?? 'default';
}

function pointer({
  name,
  namespace,
  uid,
  resourceVersion,
}: InvolvedObject['metadata']): Record<string, string | undefined> {
  return { name, namespace, uid, resourceVersion };
}
