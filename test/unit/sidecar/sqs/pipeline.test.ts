// What the pipeline says while it is brought from one state to another. What it does to messages is tested with emulators.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSqsPipeline } from '../../../../sidecar/sqs/pipeline.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';
import { FakeSqs } from '../../common/sqs/fake-sqs.ts';
import { queue } from '../forwarder-bench.ts';

describe('the SQS pipeline', () => {
  it('does not speak of other replicas any more when a session begins while it waits for them', async () => {
    const sqs = new FakeSqs();
    const polls = () => sqs.of('ReceiveMessage');
    const pipeline = createSqsPipeline(
      queue('orders'),
      {
        split: { name: 'deployment-worker', namespace: 'shop', uid: 'u' },
        onChange: () => undefined,
        mayWrite: () => true,
        othersMayWrite: () => 'forwarder-1 was not seen to go',
      },
      { clients: { for: () => sqs.client, close: () => undefined }, clock: new FakeClock(), random: () => 1 },
    );
    void pipeline.apply(queue('orders', { forwarding: 'Stop' }));
    await settled();
    assert.match(pipeline.status().message ?? '', /forwarder-1/);

    const forwarded = pipeline.apply(queue('orders'));
    await settled();
    polls().at(-1)?.answer({});
    await settled();
    polls().at(-1)?.answer({});
    await forwarded;
    assert.equal(pipeline.status().state, 'Forwarding');
    assert.equal(pipeline.status().message, undefined);

    const closed = pipeline.close();
    await settled();
    polls().at(-1)?.answer({});
    sqs.of('GetQueueAttributes').forEach(({ answer }) => {
      answer({ Attributes: {} });
    });
    await closed;
  });
});
