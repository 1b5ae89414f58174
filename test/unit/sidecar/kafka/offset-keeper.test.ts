// What the keeper of offsets remembers, and what it must not.
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { kafkaClientOptions } from '../../../../common/kafka/connection-options.ts';
import { Cluster } from '../../../../common/kafka/wire/cluster.ts';
import { OffsetKeeper } from '../../../../sidecar/kafka/offset-keeper.ts';
import { FakeClock } from '../../common/fake-clock.ts';

/** Knows of a broker that is away, and later of none. */
class ClusterAfterOutage extends Cluster {
  isOver = false;

  override get nodes(): number[] {
    return this.isOver ? [] : [1];
  }
}

const cluster = new ClusterAfterOutage(kafkaClientOptions(new Map([['bootstrap.servers', '127.0.0.1:1']])));
after(() => cluster.close());

it('asks how long offsets are kept again when the broker was away', async () => {
  const engine = {
    ...{ lanes: [], destinations: [], partitions: [], group: 'app', commitWhereNone: async () => undefined },
    topic: { name: 'orders', topicId: 'id', partitions: [] },
  };
  const keeper = new OffsetKeeper({ engine, cluster, clock: new FakeClock(), recommitMs: 1000 });
  await assert.rejects(keeper.recommit(), { code: 'BrokerUnreachable' });
  cluster.isOver = true;
  await keeper.recommit();
});
