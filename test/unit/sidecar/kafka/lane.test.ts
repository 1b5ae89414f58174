// A lane goes on whenever it may: at whatever moment a partition is held and let go again.

import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { kafkaClientOptions } from '../../../../common/kafka/connection-options.ts';
import { Cluster } from '../../../../common/kafka/wire/cluster.ts';
import type { FetchedPartition } from '../../../../common/kafka/wire/fetch.ts';
import { TransactionalProducer } from '../../../../common/kafka/wire/transactional-producer.ts';
import { Lane, type LaneOptions } from '../../../../sidecar/kafka/lane.ts';
import { KAFKA_DEFAULTS } from '../../../../sidecar/kafka/settings.ts';
import { type Polled, Source } from '../../../../sidecar/kafka/source.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';

const TOPIC = { name: 'orders', topicId: 'id', partitions: [] };
const cluster = new Cluster(kafkaClientOptions(new Map([['bootstrap.servers', '127.0.0.1:1']])));
after(() => cluster.close());

/** Reads nothing, until it is told to give up. */
class SilentSource extends Source {
  reads = 0;

  constructor() {
    super(cluster, TOPIC, 'fetch', { maxWaitMs: 0, maxBytes: 1, maxPartitionBytes: 1 });
  }

  override next(_wanted: readonly unknown[], signal: AbortSignal): Promise<Polled[]> {
    this.reads += 1;
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve([]), { once: true }));
  }
}

/** Gives these answers for partition 0, and then nothing. */
class ScriptedSource extends SilentSource {
  readonly #answers: FetchedPartition[];

  constructor(answers: readonly FetchedPartition[]) {
    super();
    this.#answers = [...answers];
  }

  override next(wanted: readonly unknown[], signal: AbortSignal): Promise<Polled[]> {
    const fetched = this.#answers.shift();
    return fetched === undefined ? super.next(wanted, signal) : Promise.resolve([{ offset: 0n, fetched }]);
  }
}

function laneWith(source: Source, more: Partial<LaneOptions> = {}): Lane {
  return new Lane({
    name: 'lane',
    cluster,
    original: { topic: TOPIC.name, topicId: TOPIC.topicId, group: 'app' },
    producer: new TransactionalProducer(cluster, 'id'),
    source,
    settings: KAFKA_DEFAULTS,
    clock: new FakeClock(),
    random: () => 1,
    router: () => assert.fail('nothing is read'),
    onForwarded: () => undefined,
    onProblem: () => undefined,
    onFatal: (error) => assert.fail(error),
    ...more,
  });
}

it('reads again once a partition is let go, at whatever moment it was held', async () => {
  for (let moments = 0; moments < 12; moments += 1) {
    const source = new SilentSource();
    const lane = laneWith(source);
    lane.place(0, { begin: 0n, committed: 0n });
    const [partition] = lane.partitions;
    lane.forward();
    for (let moment = 0; moment < moments; moment += 1) await undefined;
    partition?.hold('session');
    await settled();
    partition?.release('session');
    lane.wake();
    await settled();
    assert.equal(source.reads, 1, `held ${moments} microtasks after it was to forward`);
    await lane.close();
  }
});

it('says that a partition can be read again, also when nothing has come since', async () => {
  const nothing = {
    ...{ partition: 0, errorCode: 0, highWatermark: 0n, lastStableOffset: 0n, logStartOffset: 0n },
    ...{ divergedAt: undefined, aborted: [], stored: Buffer.alloc(0) },
  };
  const leaderIsMoving = { ...nothing, errorCode: 6 };
  const problems = new Map<string, string | undefined>();
  const clock = new FakeClock();
  const lane = laneWith(new ScriptedSource([leaderIsMoving, nothing]), {
    clock,
    router: () => ({ fallback: 'fallback', problems: new Map(), route: () => [] }),
    onProblem: (source, problem) => problems.set(source, problem?.message),
  });
  lane.place(0, { begin: 0n, committed: 0n });
  lane.forward();
  await settled();
  assert.match(problems.get('partition 0') ?? '', /reading topic orders, partition 0/);
  await clock.advance(KAFKA_DEFAULTS.retryBaseMs);
  await settled();
  assert.equal(problems.get('partition 0'), undefined);
  assert.equal(lane.partitions[0]?.nextBlockMs, 0, 'the next failure is a first one');
  await lane.close();
});
