// A forwarder over splits in memory, with pipelines that only remember and replicas as the test wants them.
import type { ForwarderQueueStatus, SplitQueue } from '../../../api/kinds/workload-split.ts';
import { Forwarder } from '../../../sidecar/forwarder.ts';
import type { Pipeline, PipelineOptions } from '../../../sidecar/pipeline.ts';
import { FakeClock } from '../common/fake-clock.ts';
import { silentLog } from '../common/silent-log.ts';
import { FakeSplits } from './fake-splits.ts';

class FakePipeline implements Pipeline {
  readonly applied: SplitQueue[] = [];
  readonly options: PipelineOptions;
  state: ForwarderQueueStatus;
  isClosed = false;
  /** Set it to let `apply` wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(queue: SplitQueue, options: PipelineOptions) {
    this.options = options;
    this.state = { key: queue.key, state: 'Holding' };
  }

  async apply(queue: SplitQueue): Promise<void> {
    this.applied.push(queue);
    // A data path may ask and tell before it waits for anything.
    this.options.mayWrite();
    this.options.onChange();
    await this.gate;
    this.set({ key: queue.key, state: queue.forwarding === 'Forward' ? 'Forwarding' : 'Holding' });
  }

  set(state: ForwarderQueueStatus): void {
    this.state = state;
    this.options.onChange();
  }

  status = () => this.state;

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

export function queue(key: string, more: Partial<SplitQueue> = {}): SplitQueue {
  return {
    key,
    id: key,
    kind: 'SQS',
    connection: {},
    variables: [],
    groupVariables: [],
    original: { name: key, url: `http://sqs/1/${key}` },
    fallback: { name: `f-${key}`, url: `http://sqs/1/f-${key}` },
    routes: [],
    forwarding: 'Forward',
    ...more,
  };
}

/** Whoever starts one must stop `forwarder`. */
export function startForwarder(options: { alive?: Set<string> | undefined } = { alive: new Set(['me']) }) {
  const clock = new FakeClock();
  const splits = new FakeSplits();
  const pipelines: FakePipeline[] = [];
  const replicas = { current: options.alive, changed: () => {}, mayAct: true, term: 0 };
  const factory = (made: SplitQueue, pipelineOptions: PipelineOptions) => {
    const pipeline = new FakePipeline(made, pipelineOptions);
    pipelines.push(pipeline);
    return pipeline;
  };
  const forwarder = new Forwarder({
    client: splits.client,
    splits,
    replicas: {
      alive: () => replicas.current,
      mayAct: () => replicas.mayAct,
      othersMayWrite: () => undefined,
      get term() {
        return replicas.term;
      },
      onChange: (callback) => {
        replicas.changed = callback;
      },
    },
    me: 'me',
    factories: { SQS: factory, Kafka: factory },
    clock,
    random: () => 0,
    log: silentLog(),
  });
  forwarder.start();
  const status = (name: string) => splits.at(name).status?.forwarder;
  return { clock, splits, pipelines, replicas, forwarder, status };
}
