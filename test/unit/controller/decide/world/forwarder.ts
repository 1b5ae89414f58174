// A forwarder of the model's world: acts on the spec that it last saw, in small steps, and says so in the split's status. It may sleep on an
// old spec, die, come back with nothing in memory, and be cut off from the API server while another one takes its place (ADR 6). What real
// forwarders promise, it keeps; nothing more.
import {
  type ForwarderQueueStatus,
  PATCHING_PHASES,
  type SplitQueue,
  type WorkloadSplit,
  type WorkloadSplitSpec,
  type WorkloadSplitStatus,
} from '../../../../../api/kinds/workload-split.ts';
import type { Broker } from './broker.ts';

type ForwarderStatus = NonNullable<WorkloadSplitStatus['forwarder']>;
type State = ForwarderQueueStatus['state'];

export class Forwarder {
  alive = true;
  #spec: WorkloadSplitSpec | undefined;
  #uid: string | undefined;
  /** Keys of queues whose move back has ended; it is not begun again until something else was asked for. */
  readonly #returned = new Set<string>();
  /** Key and session of queues that were found empty at the session's end. */
  readonly #emptied = new Set<string>();
  /** Kafka queues that this process writes to: their open transactions are its own. */
  readonly #writing = new Set<string>();
  readonly #broker: Broker;
  readonly #othersMayWrite: () => boolean;
  #isCutOff = false;

  constructor(broker: Broker, othersMayWrite: () => boolean) {
    this.#broker = broker;
    this.#othersMayWrite = othersMayWrite;
  }

  /** Its watch delivers the newest spec. A split that is gone, or is none of this cluster, is let go. */
  see(split: WorkloadSplit | undefined): void {
    if (!this.alive) return;
    this.#spec = split?.spec.incarnation ? split.spec : undefined;
    this.#uid = split?.metadata.uid;
  }

  /** Whether it forwards the queue by a spec that has no route for the session: then the session's messages go elsewhere. */
  isPassingOver(key: string, sessionUid: string): boolean {
    const queue = this.#spec?.queues.find((candidate) => candidate.key === key);
    return queue?.forwarding === 'Forward' && !queue.routes.some((route) => route.sessionUid === sessionUid);
  }

  /** Whether it may still read or write this session queue. */
  isUsing(name: string): boolean {
    const used = this.#spec?.queues.filter(({ forwarding }) => forwarding !== 'Hold') ?? [];
    return used.some((queue) => queue.routes.some((route) => route.destination.name === name));
  }

  /** Its watch is dead and its Lease not renewed: it goes on by what it last saw, but for Kafka, where its successor's fence stops it. */
  beCutOff(): void {
    this.#isCutOff = true;
    this.#writing.clear();
  }

  /** SQS queues that it sends to by what it last saw. */
  get destinations(): string[] {
    const queues = this.#spec?.queues.filter(({ kind }) => kind === 'SQS') ?? [];
    return queues
      .flatMap(({ forwarding, fallback, routes }) => {
        if (forwarding === 'Forward') return [fallback, ...routes.filter(({ ending }) => !ending).map(destinationOf)];
        return forwarding === 'Stop' && this.#isFallbackRead() ? [fallback] : [];
      })
      .map(({ name }) => name);
  }

  die(): void {
    this.alive = false;
    this.#spec = undefined;
    for (const memory of [this.#returned, this.#emptied, this.#writing]) memory.clear();
  }

  /** One message of every queue moves at most. What it then says, and of which split. */
  work(): { uid: string | undefined; status: ForwarderStatus } | undefined {
    const spec = this.#spec;
    if (!this.alive || !spec) return undefined;
    const own = spec.queues.filter(({ kind }) => kind === 'SQS' || !this.#isCutOff);
    const queues = own.map((queue) => ({
      key: queue.key,
      state: this.#step(queue),
      returned: this.#endings(queue),
    }));
    return { uid: this.#uid, status: { holder: 'forwarder-0', acknowledgedRevision: spec.revision, queues } };
  }

  #step(queue: SplitQueue): State {
    if (queue.forwarding !== 'Return') this.#returned.delete(queue.key);
    if (queue.fenced) return queue.forwarding === 'Return' ? this.#return(queue) : 'Stopped';
    switch (queue.forwarding) {
      case 'Hold':
        return 'Holding';
      case 'Forward':
        return this.#forward(queue);
      case 'Stop':
        return this.#stop(queue);
      case 'Return':
        return this.#return(queue);
    }
  }

  #forward(queue: SplitQueue): State {
    const [route] = queue.routes.filter((candidate) => !candidate.ending);
    const toSession = route !== undefined && (this.#broker.waiting.get(queue.original.name) ?? 0) % 2 === 0;
    if (queue.kind === 'Kafka') return this.#forwardRecord(queue, toSession ? route.destination.name : undefined);
    this.#broker.move(queue.original.name, toSession ? route.destination.name : queue.fallback.name);
    return 'Forwarding';
  }

  #forwardRecord(queue: SplitQueue, session: string | undefined): State {
    if (this.#broker.fenced.has(queue.transactionalIdPrefix ?? '')) return 'Error';
    this.#writing.add(queue.key);
    this.#broker.endTransaction(queue.fallback.name);
    if (session === undefined) this.#broker.beginTransaction(queue.original.name, queue.fallback.name);
    else this.#broker.move(queue.original.name, session);
    return 'Forwarding';
  }

  /**
   * A transaction of a predecessor is not ours to end: the controller's fence does it. While another may still send, what is read goes on to
   * be forwarded, so that the target does not starve.
   */
  #stop(queue: SplitQueue): State {
    if (queue.kind === 'SQS' && this.#othersMayWrite())
      return this.#isFallbackRead() ? this.#forward(queue) : 'Forwarding';
    if (this.#writing.delete(queue.key)) this.#broker.endTransaction(queue.fallback.name);
    const ending = queue.routes.filter((route) => route.ending);
    return ending.every((route) => this.#emptied.has(`${queue.key} ${route.sessionUid}`)) ? 'Stopped' : 'Forwarding';
  }

  /** Kafka: nothing is moved; the controller rewinds the group. */
  #return(queue: SplitQueue): State {
    if (this.#returned.has(queue.key)) return 'Returned';
    if (queue.kind === 'Kafka') return 'Returned';
    const sources = [...queue.routes.map((route) => route.destination.name), queue.fallback.name];
    const moved = sources.filter((source) => this.#broker.move(source, queue.original.name));
    const isEmpty = moved.length === 0 && sources.every((source) => this.#broker.left(source) === 0);
    if (!isEmpty || this.#othersMayWrite()) return 'Returning';
    this.#returned.add(queue.key);
    return 'Returned';
  }

  #endings(queue: SplitQueue): { sessionUid: string; messages: number }[] {
    return queue.routes
      .filter((route) => route.ending && queue.forwarding !== 'Return')
      .flatMap(({ sessionUid, destination }) => {
        if (this.#broker.move(destination.name, queue.fallback.name)) return [];
        if (this.#broker.left(destination.name) > 0) return [];
        if (queue.kind === 'SQS' && this.#othersMayWrite()) return [];
        this.#emptied.add(`${queue.key} ${sessionUid}`);
        return [{ sessionUid, messages: 0 }];
      });
  }

  #isFallbackRead(): boolean {
    return this.#spec !== undefined && PATCHING_PHASES.has(this.#spec.phase);
  }
}

function destinationOf({ destination }: SplitQueue['routes'][number]): SplitQueue['fallback'] {
  return destination;
}
