// Forwards one split on this replica: one pipeline for each of its queues, each brought to what the newest spec says. Knows what has been
// acknowledged; writing that down is its owner's business.
import { LIMITS, type QueueKind } from '../api/kinds/common.ts';
import {
  type ForwarderQueueStatus,
  PATCHING_PHASES,
  type SplitQueue,
  type WorkloadSplit,
} from '../api/kinds/workload-split.ts';
import { type Clock, pause } from '../common/clock.ts';
import { toSplitterError } from '../common/errors.ts';
import { createBackoff } from '../common/kube/backoff.ts';
import { objectKey } from '../common/kube/keys.ts';
import type { Log } from '../common/log.ts';
import { shorten } from '../common/text.ts';
import type { Pipeline, PipelineOptions } from './pipeline.ts';

export type PipelineFactory = (queue: SplitQueue, options: PipelineOptions) => Pipeline;
export type PipelineFactories = Readonly<Record<QueueKind, PipelineFactory>>;

export type SplitRunnerOptions = {
  split: WorkloadSplit;
  factories: PipelineFactories;
  /** Of this replica; the runner adds that the split is still ours. */
  mayAct: () => boolean;
  /** See PipelineOptions. */
  othersMayWrite: () => string | undefined;
  /** `acknowledgedRevision` or `queues` have changed. */
  onChange: () => void;
  clock: Clock;
  random: () => number;
  log: Log;
};

export class SplitRunner {
  readonly uid: string;
  readonly #options: SplitRunnerOptions;
  readonly #pipelines = new Map<string, Pipeline>();
  /** Queues whose pipeline could not be made or brought to the spec. */
  readonly #failures = new Map<string, ForwarderQueueStatus>();
  readonly #closing = new AbortController();
  #isOurs = true;
  #split: WorkloadSplit;
  #acknowledged = 0;
  /** What was last said of each queue. */
  readonly #told = new Map<string, string>();
  #updated = new AbortController();

  constructor(options: SplitRunnerOptions) {
    this.#options = options;
    this.#split = options.split;
    this.uid = options.split.metadata.uid ?? '';
  }

  /** Once, when its owner is ready to be asked and told. */
  start(): void {
    void this.#applyUntilDone();
  }

  get acknowledgedRevision(): number {
    return this.#acknowledged;
  }

  /** A broker refuses us because somebody took over: this ownership is over, and a new one begins with reading the API (kafka-notes C4). */
  get isFenced(): boolean {
    return this.queues.some(({ state, reason }) => state === 'Error' && reason === 'Fenced');
  }

  /** In the order of the spec. */
  get queues(): ForwarderQueueStatus[] {
    return this.#split.spec.queues.map(
      ({ key }) => this.#failures.get(key) ?? this.#pipelines.get(key)?.status() ?? { key, state: 'Holding' },
    );
  }

  /** Acts on the spec when its revision is new; everything else in the split is nothing to us. */
  update(split: WorkloadSplit): void {
    const isNew = split.spec.revision !== this.#split.spec.revision;
    this.#split = split;
    if (isNew && !this.#closing.signal.aborted) void this.#applyUntilDone();
  }

  /** From now on nothing is written to any queue: the split is another replica's. To be followed by `close`. */
  revoke(): void {
    this.#isOurs = false;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#updated.abort();
    await Promise.all([...this.#pipelines.values()].map((pipeline) => pipeline.close()));
    this.#pipelines.clear();
  }

  /** Applies this spec until it is acknowledged or there is a newer one. Never rejects. */
  async #applyUntilDone(): Promise<void> {
    this.#updated.abort();
    const updated = new AbortController();
    this.#updated = updated;
    const { clock, random, onChange } = this.#options;
    const { spec } = this.#split;
    const backoff = createBackoff({ baseMs: 500, maxMs: 30_000, random });
    this.#closeOthers(spec.queues);
    for (;;) {
      const applied = await Promise.all(spec.queues.map((queue) => this.#apply(queue)));
      if (updated.signal.aborted) return;
      if (applied.every(Boolean)) this.#acknowledged = spec.revision;
      this.#tell();
      onChange();
      if (applied.every(Boolean)) return;
      await pause(clock, backoff.next(), updated.signal);
      if (updated.signal.aborted) return;
    }
  }

  async #apply(queue: SplitQueue): Promise<boolean> {
    const { log, split } = this.#options;
    try {
      await this.#pipelineOf(queue).apply(queue);
      this.#failures.delete(queue.key);
      return true;
    } catch (error) {
      const { code, message } = toSplitterError(error);
      // The sentence is told with the state; only of what nobody expected the stack is worth a line at each try.
      const facts = { err: error, split: objectKey(split.metadata), queue: queue.key, code };
      log[code === 'Internal' ? 'error' : 'debug'](facts, 'a queue cannot be forwarded; tried again');
      this.#failures.set(queue.key, {
        key: queue.key,
        state: 'Error',
        message: shorten(message, LIMITS.text),
        reason: code,
      });
      return false;
    }
  }

  #pipelineOf(queue: SplitQueue): Pipeline {
    const known = this.#pipelines.get(queue.key);
    if (known !== undefined) return known;
    const { split, factories, mayAct, othersMayWrite, onChange } = this.#options;
    const pipeline = factories[queue.kind](queue, {
      split: {
        name: split.metadata.name,
        namespace: split.metadata.namespace ?? '',
        uid: this.uid,
        workload: split.spec.target.name,
      },
      onChange: () => {
        this.#tell();
        onChange();
      },
      mayWrite: () => this.#isOurs && mayAct(),
      othersMayWrite,
      isFallbackRead: () => PATCHING_PHASES.has(this.#split.spec.phase),
    });
    this.#pipelines.set(queue.key, pipeline);
    return pipeline;
  }

  /** One line whenever a queue comes into another state, has another problem, or other sessions. */
  #tell(): void {
    const { log, split } = this.#options;
    for (const { key, state, message, reason, cutOver } of this.queues) {
      const routes = this.#split.spec.queues.find((queue) => queue.key === key)?.routes ?? [];
      const sessions = routes.filter((route) => !route.ending).map((route) => route.session);
      const told = JSON.stringify([state, reason, sessions]);
      if (this.#told.get(key) === told) continue;
      this.#told.set(key, told);
      const facts = { split: objectKey(split.metadata), queue: key, state, sessions, cutOver };
      if (message === undefined) log.info(facts, `queue ${key}: ${state}`);
      else log.warn({ ...facts, reason }, `queue ${key}: ${state}: ${message}`);
    }
  }

  /** Queues that the split does not name any more. */
  #closeOthers(queues: readonly SplitQueue[]): void {
    const current = new Set(queues.map(({ key }) => key));
    for (const [key, pipeline] of this.#pipelines) {
      if (current.has(key)) continue;
      this.#pipelines.delete(key);
      this.#failures.delete(key);
      this.#told.delete(key);
      void pipeline.close();
    }
  }
}
