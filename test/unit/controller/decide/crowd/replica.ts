// One process of the data plane in the crowd's world: the product's own Replicas, Forwarder and SQS pipelines, on a machine that may fail.

import type { SplitQueue, WorkloadSplit } from '../../../../../api/kinds/workload-split.ts';
import type { Lease } from '../../../../../common/kube/lease.ts';
import { Forwarder } from '../../../../../sidecar/forwarder.ts';
import type { Pipeline, PipelineOptions } from '../../../../../sidecar/pipeline.ts';
import { Replicas } from '../../../../../sidecar/replicas.ts';
import { createSqsPipeline } from '../../../../../sidecar/sqs/pipeline.ts';
import type { FakeClock } from '../../../common/fake-clock.ts';
import { silentLog } from '../../../common/silent-log.ts';
import type { FakeSqs } from '../../../common/sqs/fake-sqs.ts';
import { type Api, Watched } from './api.ts';
import { Machine } from './machine.ts';
import type { Messages } from './messages.ts';

/** Short, so that it ends within a story. */
export const FAIL_STATIC_MS = 90_000;
const SETTINGS = {
  waitSeconds: 2,
  confirmEmptyMs: 1_000,
  sessionDrainTimeoutMs: 20_000,
  retryMaxMs: 3_000,
  lagIntervalMs: 3_600_000,
};

type Path = {
  queue: SplitQueue;
  options: PipelineOptions;
  pipeline: Pipeline;
  isOpen: boolean;
  /** Since when it knows that the target is on its way back. */
  backSince: number | undefined;
};

/** A send that is under way, and the pause until the next look. */
const UNTIL_STOPPED_MS = 60_000;

export class Replica {
  readonly name: string;
  readonly machine: Machine;
  readonly #splits = new Watched<WorkloadSplit>();
  readonly #leases = new Watched<Lease>();
  readonly #paths: Path[] = [];

  constructor(name: string, time: FakeClock, api: Api, messages: Messages) {
    this.name = name;
    this.machine = new Machine(time);
    const { clock } = this.machine;
    const client = api.clientOf(this.machine);
    const log = silentLog();
    const replicas = new Replicas({
      client,
      leases: this.#leases,
      namespace: 'operator',
      me: name,
      podUid: name,
      clock,
      log,
      failStaticMs: FAIL_STATIC_MS,
    });
    const sqs = this.#sqs(messages);
    const clients = { for: () => sqs, close: () => undefined };
    const factory = (queue: SplitQueue, options: PipelineOptions): Pipeline => {
      const dependencies = { clients, clock, random: () => 0.5, settings: SETTINGS };
      return this.#watched(queue, options, createSqsPipeline(queue, options, dependencies));
    };
    const forwarder = new Forwarder({
      client,
      splits: this.#splits,
      replicas,
      me: name,
      factories: { SQS: factory, Kafka: factory },
      clock,
      random: () => 0.5,
      log,
    });
    forwarder.start();
    void replicas.run(new AbortController().signal);
  }

  /** Its watches deliver what there is, when they can. */
  see(split: WorkloadSplit | undefined, leases: readonly Lease[]): void {
    if (!this.machine.hearsWatches) return;
    this.#leases.show(leases);
    this.#splits.show(split ? [split] : []);
    for (const path of this.#paths)
      path.backSince = path.options.isFallbackRead() ? undefined : (path.backSince ?? this.machine.clock.monotonic());
  }

  /** It goes on after a pause: what it was doing is not held against it. */
  forgetWayBack(): void {
    for (const path of this.#paths) path.backSince = undefined;
  }

  /** Whether it may send to this queue, now or when it goes on. */
  isUsing(name: string): boolean {
    if (this.machine.isDead) return false;
    return this.#paths.some(({ queue, options, pipeline, isOpen }) => {
      const { forwarding } = queue;
      const sends = forwarding === 'Forward' || (forwarding === 'Stop' && pipeline.status().state !== 'Stopped');
      return isOpen && sends && options.mayWrite() && destinationsOf(queue).includes(name);
    });
  }

  isPassingOver(key: string, sessionUid: string): boolean {
    const path = this.#paths.find(({ queue, isOpen }) => isOpen && queue.key === key);
    return path?.queue.forwarding === 'Forward' && !path.queue.routes.some((route) => route.sessionUid === sessionUid);
  }

  #watched(queue: SplitQueue, options: PipelineOptions, pipeline: Pipeline): Pipeline {
    const path: Path = { queue, options, pipeline, isOpen: true, backSince: undefined };
    this.#paths.push(path);
    return {
      apply: (newest) => {
        path.queue = newest;
        return pipeline.apply(newest);
      },
      status: () => pipeline.status(),
      close: async () => {
        await pipeline.close();
        path.isOpen = false;
      },
    };
  }

  /** ADR 6: on the way back nothing is sent to a fallback that nobody reads. */
  #checkRead(name: string, messages: Messages): void {
    const now = this.machine.clock.monotonic();
    const isLate = ({ queue, backSince = now }: Path): boolean =>
      queue.original.name === name && queue.forwarding === 'Stop' && now - backSince > UNTIL_STOPPED_MS;
    if (this.#paths.some((path) => path.isOpen && isLate(path)))
      messages.broken.push(`${this.name} reads ${name} although the target reads it again`);
  }

  #sqs(messages: Messages) {
    const send = (command: object): Promise<object> => {
      const action = command.constructor.name.replace(/Command$/, '');
      const { input } = command as { input: Record<string, unknown> };
      const queue = String(input['QueueUrl']).split('/').at(-1) ?? '';
      if (action === 'ReceiveMessage') this.#checkRead(queue, messages);
      const waitSeconds = action === 'ReceiveMessage' ? Number(input['WaitTimeSeconds'] ?? 0) : 0;
      const isReady = () => messages.hasVisible(queue) || !messages.waiting.has(queue);
      return this.machine.sqs(action, isReady, waitSeconds, () => messages.call(action, input));
    };
    return { send } as unknown as FakeSqs['client'];
  }
}

function destinationsOf({ routes, fallback }: SplitQueue): string[] {
  return [fallback.name, ...routes.filter(({ ending }) => !ending).map(({ destination }) => destination.name)];
}
