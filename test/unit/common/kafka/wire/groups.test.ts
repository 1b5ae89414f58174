/** What is asked of brokers that do not know types of groups. What newer ones answer is proved with real ones. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Cluster } from '../../../../../common/kafka/wire/cluster.ts';
import { groupType } from '../../../../../common/kafka/wire/groups.ts';

it('a broker before Kafka 3.8 is not asked for the type of a group: it would close the connection', async () => {
  const older = {
    maxVersion: async () => 4,
    withCoordinator: async () => assert.fail('it was asked'),
  } as unknown as Cluster;
  assert.equal(await groupType(older, 'app'), undefined);
});
