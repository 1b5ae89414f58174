// Brings one Kafka queue to what the split wants: Hold, Forward, Stop or Return. The running data path is in engine.ts; here is the order of
// things, what is tried again, and what is said about it.
import type { ForwarderQueueStatus, Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import type { ResolveProperties } from '../../common/kafka/clusters.ts';
import { kafkaClientOptions } from '../../common/kafka/connection-options.ts';
import { Cluster } from '../../common/kafka/wire/cluster.ts';
import { Changes } from '../changes.ts';
import { NewestCall } from '../newest-call.ts';
import type { Pipeline, PipelineOptions } from '../pipeline.ts';
import { Telling } from '../telling.ts';
import { describeOffsets } from './describe.ts';
import { destinationOf, Engine, groupOf } from './engine.ts';
import { isFatal } from './fatal.ts';
import { createMeters, type Meters } from './meters.ts';
import { createRouter } from './router.ts';
import { KAFKA_DEFAULTS, type KafkaSettings } from './settings.ts';
import { watch } from './watch.ts';

export type KafkaPipelineDependencies = {
  resolveProperties: ResolveProperties;
  clock: Clock;
  random: () => number;
  settings?: Partial<KafkaSettings>;
};

export function createKafkaPipeline(
  queue: SplitQueue,
  options: PipelineOptions,
  dependencies: KafkaPipelineDependencies,
): Pipeline {
  return new KafkaPipeline(queue, options, dependencies);
}

class KafkaPipeline implements Pipeline {
  readonly #options: PipelineOptions;
  readonly #dependencies: KafkaPipelineDependencies;
  readonly #settings: KafkaSettings;
  readonly #meters: Meters;
  readonly #changes = new Changes();
  readonly #calls = new NewestCall();
  readonly #telling = new Telling(
    (name) => name,
    () => this.#changed(),
  );
  #queue: SplitQueue;
  #engine: Engine | undefined;
  #watching: Promise<void> = Promise.resolve();
  /** This ownership is over: nothing is written any more until a new pipeline is made after a new Lease (kafka-notes C4). */
  #fatal: SplitterError | undefined;

  constructor(queue: SplitQueue, options: PipelineOptions, dependencies: KafkaPipelineDependencies) {
    this.#queue = queue;
    this.#options = options;
    this.#dependencies = dependencies;
    this.#settings = { ...KAFKA_DEFAULTS, ...dependencies.settings };
    const { split } = options;
    this.#meters = createMeters(
      { namespace: split.namespace, workload: split.workload ?? split.name },
      queue.original.name,
    );
  }

  apply(queue: SplitQueue): Promise<void> {
    return this.#calls.run((signal) => this.#persist(queue, signal));
  }

  status(): ForwarderQueueStatus {
    const { problems } = this.#telling;
    const [first] = problems.values();
    const problem = this.#fatal ?? [...problems.values()].find(({ retryable }) => !retryable) ?? first;
    const isError = this.#fatal !== undefined || problems.get('apply')?.retryable === false;
    const returned = this.#queue.routes.flatMap(({ sessionUid }) => {
      const messages = this.#engine?.returned(sessionUid);
      return messages === undefined ? [] : [{ sessionUid, messages }];
    });
    return this.#telling.status(this.#queue.key, { isError, problem, returned });
  }

  async close(): Promise<void> {
    await this.#calls.close();
    await this.#engine?.close();
    await this.#watching;
    this.#meters.forgetGauges();
    for (const route of this.#queue.routes) this.#meters.forgetSession(route.session);
  }

  /** Tries until it is done, superseded, or over for good. */
  async #persist(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    let delayMs = this.#settings.retryBaseMs;
    this.#forgetSessions(queue);
    this.#queue = queue;
    while (!signal.aborted) {
      if (this.#fatal !== undefined) throw this.#fatal;
      try {
        await this.#act(queue, signal);
        this.#setProblem('apply', undefined);
        return;
      } catch (thrown) {
        const error = toSplitterError(thrown);
        if (isFatal(error)) this.#end(error);
        else this.#setProblem('apply', error);
      }
      await pause(this.#dependencies.clock, delayMs, signal);
      delayMs = Math.min(delayMs * 2, this.#settings.retryMaxMs);
    }
  }

  async #act(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    if (queue.fenced === true) return this.#giveUp(queue);
    switch (queue.forwarding) {
      case 'Hold':
        return this.#hold(queue);
      case 'Forward':
        return this.#forward(queue, signal);
      case 'Stop':
        return this.#stop(queue, signal);
      case 'Return':
        await this.#engine?.halt();
        return this.#telling.setState('Returned');
    }
  }

  /** The controller holds the transactional ids now; to take them back would undo its fence (kafka-notes C3). */
  async #giveUp(queue: SplitQueue): Promise<void> {
    await this.#engine?.close();
    this.#engine = undefined;
    this.#telling.setState(queue.forwarding === 'Return' ? 'Returned' : 'Stopped');
  }

  /** Pods of the target may read and commit: where the group is must be read anew at the next cut-over. */
  async #hold(queue: SplitQueue): Promise<void> {
    await this.#engine?.halt();
    this.#engine?.leave();
    this.#telling.cutOver = undefined;
    await this.#endRoutes(queue);
    this.#telling.setState('Holding');
  }

  async #forward(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    if (this.#telling.cutOver === undefined) this.#telling.setState('CuttingOver');
    const engine = await this.#opened(queue);
    const partitions = await this.#positioned(engine, queue);
    if (signal.aborted) return;
    await this.#route(engine, queue, partitions);
    engine.forward();
    this.#telling.setState('Forwarding');
  }

  /** Nothing in flight means also: what ended sessions left has arrived in the fallback, so that "drained" is the truth afterwards. */
  async #stop(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    const engine = await this.#opened(queue);
    await engine.halt();
    await this.#positioned(engine, queue);
    await this.#endRoutes(queue);
    const ending = queue.routes.filter(({ ending }) => ending);
    const isEmptied = () => ending.every(({ sessionUid }) => engine.returned(sessionUid) !== undefined);
    if (await this.#changes.until(() => isEmptied() || this.#fatal !== undefined, signal)) {
      if (this.#fatal === undefined) this.#telling.setState('Stopped');
    }
  }

  /** Once per ownership. */
  async #opened(queue: SplitQueue): Promise<Engine> {
    if (this.#engine !== undefined) return this.#engine;
    const { resolveProperties, clock, random } = this.#dependencies;
    const cluster = new Cluster(kafkaClientOptions(await resolveProperties(queue.connection)), clock);
    const engine = await Engine.open({
      queue,
      cluster,
      settings: this.#settings,
      clock,
      random,
      mayWrite: this.#options.mayWrite,
      onForwarded: (turn, seconds) => this.#meters.forwarded(turn, seconds, clock.now()),
      onProblem: (source, problem) => this.#setProblem(source, problem),
      onFatal: (error) => this.#end(error),
      onReturned: (route, messages) => this.#countReturned(route, messages),
      onOrderGivenUp: (route, partition) => this.#tellOrderGivenUp(route, partition),
    }).catch(async (error: unknown) => {
      await cluster.close();
      throw error;
    });
    this.#engine = engine;
    this.#watching = watch(
      {
        engine,
        cluster,
        settings: this.#settings,
        clock,
        meters: this.#meters,
        sessionOf: (topic) => this.#queue.routes.find(({ destination }) => destination.name === topic)?.session,
        isForwarding: () => this.#telling.state === 'Forwarding',
        onProblem: (source, problem) => this.#setProblem(source, problem),
        onFatal: (error) => this.#end(error),
        onRound: () => this.#telling.tellSeen(),
      },
      engine.signal,
    );
    return engine;
  }

  /** Reads where the group is, once per ownership; nobody else may move it from here on. */
  async #positioned(engine: Engine, queue: SplitQueue): Promise<number[]> {
    if (this.#telling.cutOver === undefined) this.#telling.cutOver = describeOffsets(await engine.cutOver(queue.start));
    return engine.partitions;
  }

  async #route(engine: Engine, queue: SplitQueue, partitions: readonly number[]): Promise<void> {
    const live = queue.routes.filter((route) => !route.ending);
    const ending = queue.routes.filter((route) => route.ending);
    this.#telling.setRoutes(live);
    for (const route of ending) engine.holdFor(route);
    const group = groupOf(queue);
    const destinations = [queue.fallback, ...live.map(({ destination }) => destination)].map((location) =>
      destinationOf(location, group),
    );
    const router = createRouter(queue, (attributes, winner) => this.#telling.saw(attributes, winner));
    for (const { sessionUid, session } of live)
      this.#setProblem(`filter of ${session}`, router.problems.get(sessionUid));
    await engine.route(router, destinations, partitions);
    for (const route of ending) engine.startEnding(route);
  }

  /** While nothing is read there is nothing to hold: only what is left must be moved. */
  async #endRoutes(queue: SplitQueue): Promise<void> {
    const ending = queue.routes.filter((route) => route.ending);
    if (ending.length === 0) return;
    const engine = await this.#opened(queue);
    for (const route of ending) {
      engine.holdFor(route);
      engine.startEnding(route);
    }
  }

  #countReturned({ session }: Route, messages: number): void {
    if (messages > 0) this.#meters.returned(session, messages);
    this.#changed();
  }

  #tellOrderGivenUp({ session }: Route, partition: number): void {
    this.#meters.orderGivenUp();
    const sentence = `the left-overs of session ${session} could not be moved in time; partition ${partition} goes on, and they will come behind newer messages`;
    this.#setProblem(`order ${session}`, new SplitterError('GroupUnsettled', sentence, { retryable: true }));
  }

  #end(error: SplitterError): void {
    // Nothing was being written: the fence of a controller that restores, or of a successor, is no news.
    if (error.code === 'Fenced' && ['Holding', 'Stopped', 'Returned'].includes(this.#telling.state)) return;
    this.#fatal ??= error;
    this.#meters.failed(error.code);
    for (const lane of this.#engine?.lanes ?? []) void lane.close();
    this.#changed();
  }

  #setProblem(source: string, problem: SplitterError | undefined): void {
    const isNew = this.#telling.setProblem(source, problem);
    if (isNew && problem !== undefined) this.#meters.failed(String(problem.details['kafka'] ?? problem.code));
  }

  #changed(): void {
    this.#changes.notify();
    this.#options.onChange();
  }

  /** A session that is not in the split any more has no problems and no series. */
  #forgetSessions(queue: SplitQueue): void {
    const present = new Set(queue.routes.map(({ sessionUid }) => sessionUid));
    for (const route of this.#queue.routes) {
      if (present.has(route.sessionUid)) continue;
      for (const source of ['session', 'order', 'filter of']) this.#telling.forgetProblem(`${source} ${route.session}`);
      this.#meters.forgetSession(route.session);
    }
    this.#engine?.forgetEndings(present);
  }
}
