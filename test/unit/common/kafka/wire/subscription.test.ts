import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AssignerProtocol } from 'kafkajs';
import { subscribedTopics } from '../../../../../common/kafka/wire/subscription.ts';

it('reads what kafkajs sends', () => {
  const metadata = AssignerProtocol.MemberMetadata.encode({
    version: 1,
    topics: ['orders', 'bestellungen-ü'],
    userData: Buffer.from([1]),
  });
  assert.deepEqual(subscribedTopics(metadata), ['orders', 'bestellungen-ü']);
});

it('says that it cannot tell when there is no subscription', () => {
  assert.equal(subscribedTopics(Buffer.alloc(0)), undefined);
  assert.equal(subscribedTopics(Buffer.from([0, 1, 0, 0, 0, 9, 0])), undefined);
});
