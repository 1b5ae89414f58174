// The forwarder's shell: follows the WorkloadSplits, runs those that this replica holds, says in their status what it does. The API server
// decides who holds what; everything here may be repeated, and a split may be lost at any moment without harm to its messages.
import { isDeepStrictEqual } from 'node:util';
import type { WorkloadSplit, WorkloadSplitStatus } from '../api/kinds/workload-split.ts';
import type { Clock } from '../common/clock.ts';
import { SplitterError } from '../common/errors.ts';
import { objectKey, parseKey } from '../common/kube/keys.ts';
import type { Reflector } from '../common/kube/reflector.ts';
import { WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';
import { WorkQueue, type WorkResult } from '../common/kube/work-queue.ts';
import type { Log } from '../common/log.ts';
import { forwardingMetrics } from '../common/metrics/forwarding.ts';
import { decideOwnership } from './ownership.ts';
import type { Replicas } from './replicas.ts';
import { Reporter } from './reporter.ts';
import { type PipelineFactories, SplitRunner } from './split-runner.ts';

export type ForwarderOptions = {
  client: Pick<KubeClient, 'list' | 'mergePatch' | 'jsonPatch'>;
  splits: Pick<Reflector<WorkloadSplit>, 'get' | 'list' | 'onChange'>;
  replicas: Pick<Replicas, 'alive' | 'mayAct' | 'onChange' | 'othersMayWrite' | 'term'>;
  /** Pod name; the holder in the status of splits. */
  me: string;
  factories: PipelineFactories;
  clock: Clock;
  random: () => number;
  log: Log;
  /** See `decideOwnership`; 2 s unless told. */
  stepMs?: number;
};

/** What the API server last said of whose the split is. */
type Ownership = {
  /** The resourceVersion that we took the split at. */
  basedOn: string | undefined;
  /** The term of this replica in which it said that the split is ours. */
  term: number;
  confirmedAt?: string;
};

type Running = { runner: SplitRunner; reporter: Reporter; ownership: Ownership };

type ForwarderStatus = NonNullable<WorkloadSplitStatus['forwarder']>;

const WORKERS = 8;
/** Before a fenced split is taken again: whoever fenced us shall be heard first. */
const FENCED_PAUSE_MS = 1_000;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #queue: WorkQueue;
  readonly #running = new Map<string, Running>();
  readonly #ownerlessSince = new Map<string, number>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    const { splits, replicas, clock, log } = options;
    this.#queue = new WorkQueue({
      name: 'splits',
      process: (key) => this.#reconcile(key),
      concurrency: WORKERS,
      maxDelayMs: 30_000,
      clock,
      log,
    });
    splits.onChange(({ key, after }) => {
      this.#revokeIfTaken(key, after);
      this.#queue.add(key);
    });
    replicas.onChange(() => {
      for (const split of splits.list()) this.#queue.add(objectKey(split.metadata));
    });
  }

  start(): void {
    this.#queue.start();
  }

  /** Finishes what is in flight and lets go of all splits. Their status keeps our name until another replica takes them. */
  async stop(): Promise<void> {
    await this.#queue.shutdown();
    await Promise.all([...this.#running.keys()].map((key) => this.#leave(key)));
  }

  async #reconcile(key: string): Promise<WorkResult> {
    const { me, replicas, clock, stepMs = 2_000 } = this.#options;
    const split = this.#options.splits.get(parseKey(key));
    const running = this.#running.get(key);
    if (split === undefined || isInert(split)) {
      this.#ownerlessSince.delete(key);
      return this.#leave(key);
    }
    if (running && running.ownership.term !== replicas.term) await this.#confirm(key, running);
    // The cache has not seen our own write yet.
    if (running && running.ownership.basedOn === split.metadata.resourceVersion) return undefined;
    if (running?.runner.isFenced) {
      await this.#leave(key);
      return { requeueAfterMs: FENCED_PAUSE_MS };
    }
    if (running && running.runner.uid !== split.metadata.uid) await this.#leave(key);
    const holder = split.status?.forwarder?.holder;
    const alive = replicas.alive();
    const decision = decideOwnership({
      me,
      splitUid: split.metadata.uid ?? '',
      holder,
      isRunning: this.#running.has(key),
      replicas: alive && this.#loads(alive),
      ownerlessForMs: this.#ownerlessForMs(
        key,
        holder !== undefined && (alive?.has(holder) ?? true),
        clock.monotonic(),
      ),
      stepMs,
    });
    switch (decision.type) {
      case 'Keep':
        this.#keep(key, split);
        return undefined;
      case 'Take':
        return this.#take(key, split);
      case 'Leave':
        return this.#leave(key);
      case 'Wait':
        return { requeueAfterMs: decision.ms };
      case 'Ignore':
        return undefined;
    }
  }

  /** A report of the process before us in this pod may have arrived after ours: what stands there is not what we said. */
  #keep(key: string, split: WorkloadSplit): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.runner.update(split);
    if (!isDeepStrictEqual(split.status?.forwarder, this.#statusOf(running))) running.reporter.mark();
  }

  #statusOf({ runner: { acknowledgedRevision, queues }, ownership: { confirmedAt } }: Running): ForwarderStatus {
    const holder = this.#options.me;
    return { holder, acknowledgedRevision, queues, ...(confirmedAt === undefined ? {} : { confirmedAt }) };
  }

  /**
   * Our Lease had run out: somebody else may hold the split since, and the cache need not know it yet. Until then no queue is written to.
   * That it is still ours is written down, for another may be about to take it by what it saw before: that write fails then.
   */
  async #confirm(key: string, running: Running): Promise<void> {
    const { client, clock, me, replicas } = this.#options;
    const { term } = replicas;
    const { namespace = '', name } = parseKey(key);
    const found = await client.list<WorkloadSplit>(WORKLOAD_SPLITS, {
      namespace,
      fieldSelector: `metadata.name=${name}`,
    });
    const split = found.items.find(({ metadata }) => metadata.uid === running.runner.uid);
    const forwarder = split?.status?.forwarder;
    if (split === undefined || forwarder === undefined) return;
    if (forwarder.holder !== me) return running.runner.revoke();
    const confirmedAt = new Date(clock.now()).toISOString();
    const { resourceVersion, uid } = split.metadata;
    const patch = { metadata: { resourceVersion, uid }, status: { forwarder: { ...forwarder, confirmedAt } } };
    await client.mergePatch(WORKLOAD_SPLITS, { namespace, name }, patch, { subresource: 'status' });
    Object.assign(running.ownership, { term, confirmedAt });
  }

  /** The resourceVersion makes the API server the judge: of several replicas one wins. */
  async #take(key: string, split: WorkloadSplit): Promise<WorkResult> {
    const { client, me, replicas, log } = this.#options;
    const { resourceVersion, uid } = split.metadata;
    const { term } = replicas;
    let taken: WorkloadSplit;
    try {
      taken = await client.mergePatch<WorkloadSplit>(
        WORKLOAD_SPLITS,
        parseKey(key),
        {
          metadata: { resourceVersion, uid },
          status: { forwarder: { holder: me, acknowledgedRevision: 0, queues: [] } },
        },
        { subresource: 'status' },
      );
    } catch (error) {
      // Somebody else wrote; the watch brings what.
      if (error instanceof SplitterError && error.code === 'Conflict') return undefined;
      throw error;
    }
    log.info({ split: key, revision: taken.spec.revision }, 'holding this split');
    const running = this.#running.get(key);
    if (running !== undefined) {
      // Our status had vanished; nothing else has changed.
      Object.assign(running.ownership, { basedOn: resourceVersion, term });
      running.runner.update(taken);
      running.reporter.mark();
    } else {
      this.#run(key, taken, { basedOn: resourceVersion, term });
    }
    return undefined;
  }

  #run(key: string, split: WorkloadSplit, ownership: Ownership): void {
    const { factories, replicas, clock, random, log } = this.#options;
    const reporter = new Reporter({ write: () => this.#report(key), clock, random });
    const runner = new SplitRunner({
      split,
      factories,
      mayAct: () => replicas.mayAct() && ownership.term === replicas.term,
      othersMayWrite: () => replicas.othersMayWrite(),
      onChange: () => {
        reporter.mark();
        if (this.#running.get(key)?.runner.isFenced) this.#queue.add(key);
      },
      clock,
      random,
      log,
    });
    this.#running.set(key, { runner, reporter, ownership });
    runner.start();
  }

  /** Conditional on the holder only, so that it never fights with the controller's writes and never overwrites another replica's. */
  async #report(key: string): Promise<void> {
    const { client, me, log } = this.#options;
    const running = this.#running.get(key);
    if (running === undefined) return;
    const status = this.#statusOf(running);
    const { namespace = '', name } = parseKey(key);
    try {
      await client.jsonPatch(
        WORKLOAD_SPLITS,
        { namespace, name },
        [
          { op: 'test', path: '/metadata/uid', value: running.runner.uid },
          { op: 'test', path: '/status/forwarder/holder', value: me },
          { op: 'replace', path: '/status/forwarder', value: status },
        ],
        { subresource: 'status' },
      );
      forwardingMetrics.acknowledgedRevision.set({ namespace, split: name }, status.acknowledgedRevision);
    } catch (error) {
      log.warn({ err: error, split: key }, 'cannot report; trying again');
      // Perhaps it is not ours any more: the watch tells, and ends this.
      this.#queue.add(key);
      throw error;
    }
  }

  /** At once, without waiting for a worker: not one message more. */
  #revokeIfTaken(key: string, split: WorkloadSplit | undefined): void {
    const holder = split?.status?.forwarder?.holder;
    const running = this.#running.get(key);
    if (running === undefined || holder === undefined || holder === this.#options.me) return;
    if (running.ownership.basedOn !== split?.metadata.resourceVersion) running.runner.revoke();
  }

  async #leave(key: string): Promise<undefined> {
    const running = this.#running.get(key);
    if (running === undefined) return undefined;
    await running.runner.close();
    await running.reporter.stop();
    this.#running.delete(key);
    const { namespace = '', name } = parseKey(key);
    forwardingMetrics.acknowledgedRevision.remove({ namespace, split: name });
    this.#options.log.info({ split: key }, 'not holding this split any more');
    return undefined;
  }

  #loads(alive: ReadonlySet<string>): Map<string, number> {
    const loads = new Map([...alive].map((name) => [name, 0]));
    for (const split of this.#options.splits.list()) {
      const holder = split.status?.forwarder?.holder ?? '';
      const load = loads.get(holder);
      if (load !== undefined) loads.set(holder, load + 1);
    }
    return loads;
  }

  #ownerlessForMs(key: string, isOwned: boolean, now: number): number {
    if (isOwned) {
      this.#ownerlessSince.delete(key);
      return 0;
    }
    const since = this.#ownerlessSince.get(key) ?? now;
    this.#ownerlessSince.set(key, since);
    return now - since;
  }
}

/** A split that was copied, restored from a backup, or is not complete yet: nobody acts on it. */
export function isInert(split: WorkloadSplit): boolean {
  const { incarnation } = split.spec;
  return incarnation === undefined || incarnation.selfUid !== split.metadata.uid;
}
