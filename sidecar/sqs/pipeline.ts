// Brings one SQS standard queue to what the split wants: Hold, Forward, Stop or Return, and moves what ended sessions left behind. The moves
// and the running data path are elsewhere; here is the order of things, and what is said about them.
import type { ForwarderQueueStatus, QueueLocation, SplitQueue } from '../../api/kinds/workload-split.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { SplitterError } from '../../common/errors.ts';
import type { SqsClients } from '../../common/sqs/client.ts';
import type { MoveEnd } from '../../common/sqs/move.ts';
import { NewestCall } from '../newest-call.ts';
import type { Pipeline, PipelineOptions } from '../pipeline.ts';
import { Telling } from '../telling.ts';
import { Forwarding, type ForwardingSource } from './forwarding.ts';
import { watchLag } from './lag.ts';
import { LeftOvers } from './left-overs.ts';
import { createMeters, type Meters } from './meters.ts';
import { SQS_DEFAULTS, type SqsSettings } from './settings.ts';

export type SqsPipelineDependencies = {
  clients: SqsClients;
  clock: Clock;
  random: () => number;
  settings?: Partial<SqsSettings>;
};

/** `others`: replicas that may still send; `filterOf` names a session. */
type Source = ForwardingSource | 'others' | { filterOf: string };

/** Names of queues and sessions are anybody's: none of them is the key of something else. */
function keyOf(source: Source): string {
  return JSON.stringify(source);
}

export function createSqsPipeline(
  queue: SplitQueue,
  options: PipelineOptions,
  dependencies: SqsPipelineDependencies,
): Pipeline {
  return new SqsPipeline(queue, options, dependencies);
}

class SqsPipeline implements Pipeline {
  readonly #othersMayWrite: PipelineOptions['othersMayWrite'];
  readonly #isFallbackRead: PipelineOptions['isFallbackRead'];
  readonly #calls = new NewestCall();
  readonly #telling: Telling;
  readonly #dependencies: SqsPipelineDependencies;
  readonly #settings: SqsSettings;
  readonly #meters: Meters;
  readonly #forwarding: Forwarding;
  readonly #leftOvers: LeftOvers;
  readonly #lag: Promise<void>;
  #queue: SplitQueue;

  constructor(queue: SplitQueue, options: PipelineOptions, dependencies: SqsPipelineDependencies) {
    this.#queue = queue;
    this.#dependencies = dependencies;
    this.#settings = { ...SQS_DEFAULTS, ...dependencies.settings };
    const { clock, random } = dependencies;
    const { split, mayWrite, othersMayWrite, isFallbackRead, onChange } = options;
    this.#othersMayWrite = othersMayWrite;
    this.#isFallbackRead = isFallbackRead;
    this.#telling = new Telling((name) => name.toLowerCase(), onChange);
    this.#meters = createMeters(
      { namespace: split.namespace, workload: split.workload ?? split.name },
      queue.original.name,
    );
    const common = { endOf: this.#endOf, mayWrite, settings: this.#settings, clock };
    this.#forwarding = new Forwarding({
      ...common,
      original: this.#endOf(queue.original),
      onRead: (attributes, winner) => this.#telling.saw(attributes, winner),
      onProblem: (source, problem) => this.#setProblem(source, problem),
      meters: this.#meters,
      random,
    });
    this.#leftOvers = new LeftOvers({
      ...common,
      othersMayWrite,
      onChange,
      onMoved: (from, messages) => this.#countMoved(from, messages),
    });
    this.#lag = watchLag(
      {
        current: () => this.#queue,
        endOf: this.#endOf,
        onDepth: this.#meters.lag,
        onRound: () => this.#telling.tellSeen(),
        intervalMs: this.#settings.lagIntervalMs,
        clock,
      },
      this.#calls.closed,
    );
  }

  apply(queue: SplitQueue): Promise<void> {
    return this.#calls.run((signal) => this.#act(queue, signal));
  }

  status(): ForwarderQueueStatus {
    const { problems } = this.#telling;
    const fatal = this.#fatalSources()
      .map((source) => problems.get(keyOf(source)))
      .find((one) => one !== undefined);
    const problem = fatal ?? [...problems.values()][0] ?? this.#leftOvers.problems()[0];
    const returned = this.#queue.routes.flatMap((route) => {
      const messages = this.#leftOvers.emptied(endingMove(route.sessionUid));
      return messages === undefined ? [] : [{ sessionUid: route.sessionUid, messages }];
    });
    return this.#telling.status(this.#queue.key, { isError: fatal !== undefined, problem, returned });
  }

  async close(): Promise<void> {
    await this.#calls.close();
    await this.#leftOvers.keepOnly(new Set());
    const limit = new AbortController();
    const cancel = this.#dependencies.clock.after(this.#settings.stopPatienceMs, () => limit.abort());
    await this.#forwarding.stop(limit.signal);
    cancel();
    await this.#forwarding.close();
    await this.#lag;
    this.#meters.forgetGauges();
    for (const route of this.#queue.routes) this.#meters.forgetSession(route.session);
  }

  async #act(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#forgetSessions(queue);
    this.#queue = queue;
    this.#telling.setRoutes(queue.routes.filter((route) => !route.ending));
    switch (queue.forwarding) {
      case 'Hold':
        return this.#hold(signal);
      case 'Forward':
        return this.#forward(queue, signal);
      case 'Stop':
        return this.#stop(queue, signal);
      case 'Return':
        return this.#return(queue, signal);
    }
  }

  async #hold(signal: AbortSignal): Promise<void> {
    await this.#leftOvers.keepOnly(new Set());
    await this.#forwarding.stop(signal);
    if (!signal.aborted) this.#telling.setState('Holding');
  }

  async #forward(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    await this.#leftOvers.keepOnly(endingMoves(queue));
    await this.#route(queue);
    this.#moveEnding(queue);
    if (!this.#forwarding.isReading) {
      this.#telling.setState('CuttingOver');
      this.#telling.cutOver = new Date(this.#dependencies.clock.now()).toISOString();
    }
    if (await this.#forwarding.start(signal)) this.#telling.setState('Forwarding');
  }

  /** Nothing in flight means also: what ended sessions left has arrived in the fallback, so that "drained" is the truth afterwards. */
  async #stop(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    await this.#leftOvers.keepOnly(endingMoves(queue));
    await this.#route(queue);
    this.#moveEnding(queue);
    await this.#untilAlone(signal);
    await this.#forwarding.stop(signal);
    if (await this.#leftOvers.allEmptied(signal)) this.#telling.setState('Stopped');
  }

  /**
   * "Stopped" is a promise for all replicas. While another may still send we go on as well, so that the target does not starve; but not
   * on the way back, when the target reads the original again.
   */
  async #untilAlone(signal: AbortSignal): Promise<void> {
    const { clock } = this.#dependencies;
    for (;;) {
      const others = signal.aborted ? undefined : this.#othersMayWrite();
      const problem = others === undefined ? undefined : new SplitterError('Conflict', others, { retryable: true });
      this.#setProblem('others', problem);
      if (others === undefined) return;
      if (this.#isFallbackRead()) await this.#forwarding.start(signal);
      else await this.#forwarding.stop(signal);
      await pause(clock, this.#settings.retryMaxMs, signal);
    }
  }

  /** Moves begin only when we do not read the original any more: we would forward what they bring back. */
  async #return(queue: SplitQueue, signal: AbortSignal): Promise<void> {
    const moves = returnMoves(queue);
    await this.#leftOvers.keepOnly(new Set(moves.keys()));
    await this.#forwarding.stop(signal);
    if (signal.aborted) return;
    for (const [name, from] of moves) this.#leftOvers.start(name, from, queue.original);
    const isDone = [...moves.keys()].every((name) => this.#leftOvers.emptied(name) !== undefined);
    this.#telling.setState(isDone ? 'Returned' : 'Returning');
    if (isDone) return;
    void this.#leftOvers.allEmptied(signal).then((emptied) => {
      if (emptied) this.#telling.setState('Returned');
    });
  }

  async #route(queue: SplitQueue): Promise<void> {
    const unusable = await this.#forwarding.route(queue);
    for (const route of queue.routes) this.#setProblem({ filterOf: route.session }, unusable.get(route.sessionUid));
  }

  #moveEnding(queue: SplitQueue): void {
    for (const route of queue.routes) {
      if (route.ending) this.#leftOvers.start(endingMove(route.sessionUid), route.destination, queue.fallback);
    }
  }

  /** All others do not stop the queue: one session waits, the rest and the fallback get their messages. */
  #fatalSources(): Source[] {
    return ['read', 'delete', { to: this.#queue.fallback.name }];
  }

  #setProblem(source: Source, problem: SplitterError | undefined): void {
    this.#telling.setProblem(keyOf(source), problem);
    // Outboxes count their own failures.
    if (problem !== undefined && (source === 'read' || source === 'delete'))
      this.#meters.failed(String(problem.details['reason'] ?? problem.code));
  }

  /** A session that is not in the split any more has no problems and no series. */
  #forgetSessions(queue: SplitQueue): void {
    const current = new Set(queue.routes.map((route) => route.sessionUid));
    for (const route of this.#queue.routes) {
      if (current.has(route.sessionUid)) continue;
      this.#telling.forgetProblem(keyOf({ to: route.destination.name }));
      this.#telling.forgetProblem(keyOf({ filterOf: route.session }));
      this.#meters.forgetSession(route.session);
    }
  }

  #countMoved(from: string, messages: number): void {
    const route = this.#queue.routes.find((candidate) => candidate.destination.name === from);
    this.#meters.returned(
      { role: route === undefined ? 'fallback' : 'session', session: route?.session ?? '' },
      messages,
    );
  }

  #endOf = (location: QueueLocation): MoveEnd => {
    const { name, url } = location;
    if (url === undefined) {
      throw new SplitterError('Internal', `The split names SQS queue ${name} without its URL; it was not created yet.`);
    }
    return { name, url, client: this.#dependencies.clients.for(this.#queue.connection, url) };
  };
}

function endingMove(sessionUid: string): string {
  return `end ${sessionUid}`;
}

function endingMoves(queue: SplitQueue): Set<string> {
  return new Set(queue.routes.filter((route) => route.ending).map((route) => endingMove(route.sessionUid)));
}

function returnMoves(queue: SplitQueue): Map<string, QueueLocation> {
  const sources = [queue.fallback, ...queue.routes.map((route) => route.destination)];
  // A queue without URL was planned and never made.
  return new Map(sources.filter(({ url }) => url !== undefined).map((source) => [`return ${source.name}`, source]));
}
