// What the pipeline says and reads while it is brought from one state to another. What it does to messages is tested with emulators.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwardingMetrics } from '../../../../common/metrics/forwarding.ts';
import { createSqsPipeline } from '../../../../sidecar/sqs/pipeline.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';
import { FakeSqs } from '../../common/sqs/fake-sqs.ts';
import { queue } from '../forwarder-bench.ts';

const STOP = queue('orders', { forwarding: 'Stop' });
const CUT_OFF = 'forwarder-1 was not seen to go';

function setUp({ isFallbackRead }: { isFallbackRead: boolean }) {
  const sqs = new FakeSqs();
  const clock = new FakeClock();
  const others = { may: CUT_OFF as string | undefined };
  const pipeline = createSqsPipeline(
    queue('orders'),
    {
      split: { name: 'deployment-worker', namespace: 'shop', uid: 'u' },
      onChange: () => undefined,
      mayWrite: () => true,
      othersMayWrite: () => others.may,
      isFallbackRead: () => isFallbackRead,
    },
    { clients: { for: () => sqs.client, close: () => undefined }, clock, random: () => 1 },
  );
  const polls = () => sqs.of('ReceiveMessage');
  const answerPoll = async () => {
    await settled();
    polls().at(-1)?.answer({});
    await settled();
  };
  const close = async () => {
    const closed = pipeline.close();
    await answerPoll();
    for (const { answer } of sqs.of('GetQueueAttributes')) answer({ Attributes: {} });
    await closed;
  };
  return { sqs, clock, others, pipeline, polls, answerPoll, close };
}

describe('problems of the SQS pipeline', () => {
  for (const name of ['read', 'delete', 'others'])
    it(`of a session's queue called ${name} are that session's, and one of ours with this name is none of it`, async () => {
      const { others, pipeline, polls, sqs, clock, close } = setUp({ isFallbackRead: true });
      others.may = undefined;
      const destination = { name, url: `http://sqs/1/${name}` };
      const route = { session: 'alice', sessionUid: 'alice', filter: { tenant: 'alice' }, destination };
      sqs.reply = (action, { QueueUrl }) => {
        if (action === 'ChangeMessageVisibilityBatch') return {};
        if (action !== 'SendMessageBatch' || QueueUrl !== destination.url) return undefined;
        throw Object.assign(new Error('no'), { name: 'AccessDenied' });
      };
      const routes = [{ ...route, mode: 'steal' as const, startedAt: '2026-01-01T00:00:00Z', ending: false }];
      void pipeline.apply(queue('orders', { routes }));
      await settled();
      const MessageAttributes = { tenant: { DataType: 'String', StringValue: 'alice' } };
      polls()
        .at(-1)
        ?.answer({ Messages: [{ MessageId: '1', ReceiptHandle: '1', Body: '1', MessageAttributes }] });
      await settled();
      await settled();
      assert.equal(pipeline.status().state, 'Forwarding');
      assert.match(pipeline.status().message ?? '', /SendMessage/);
      others.may = CUT_OFF;
      void pipeline.apply({ ...STOP, routes });
      await settled();
      others.may = undefined;
      await clock.advance(10_000);
      assert.match(pipeline.status().message ?? '', /SendMessage/, 'another problem is over, this one is not');
      const closed = close();
      await clock.advance(30_000);
      await closed;
    });
});

describe('failed deletes', () => {
  it('are an error of the queue, and counted: what cannot be deleted is delivered again', async () => {
    const refusals = async () => {
      const { values } = await forwardingMetrics.forwardErrors.get();
      return values.find(({ labels }) => labels.queue === 'orders' && labels.reason === 'auth')?.value ?? 0;
    };
    const { others, pipeline, polls, sqs, clock, close } = setUp({ isFallbackRead: true });
    others.may = undefined;
    sqs.reply = (action) => {
      if (action === 'ChangeMessageVisibilityBatch') return {};
      if (action === 'SendMessageBatch') return { Successful: [{ Id: '0' }] };
      if (action !== 'DeleteMessageBatch') return undefined;
      throw Object.assign(new Error('no'), { name: 'AccessDenied' });
    };
    const before = await refusals();
    void pipeline.apply(queue('orders'));
    await settled();
    polls()
      .at(-1)
      ?.answer({ Messages: [{ MessageId: '1', ReceiptHandle: '1', Body: '1' }] });
    await settled();
    await settled();
    assert.equal(pipeline.status().state, 'Error');
    assert.match(pipeline.status().message ?? '', /sqs:DeleteMessage/);
    assert.ok((await refusals()) > before);
    const closed = close();
    await clock.advance(30_000);
    await closed;
  });
});

describe('the SQS pipeline, while another replica may still send', () => {
  it('goes on forwarding before it stops, for the target reads the fallback', async () => {
    const { pipeline, polls, close } = setUp({ isFallbackRead: true });
    void pipeline.apply(STOP);
    await settled();
    assert.equal(polls().length, 1);
    assert.match(pipeline.status().message ?? '', /forwarder-1/);
    await close();
  });

  it('sends nothing more to a fallback that nobody reads and that is about to be deleted', async () => {
    const { clock, others, pipeline, polls, close } = setUp({ isFallbackRead: false });
    const stopped = pipeline.apply(STOP);
    await settled();
    assert.equal(polls().length, 0);
    assert.equal(pipeline.status().state, 'Holding');
    assert.match(pipeline.status().message ?? '', /forwarder-1/);
    others.may = undefined;
    await clock.advance(10_000);
    await stopped;
    assert.equal(pipeline.status().state, 'Stopped');
    assert.equal(polls().length, 0);
    await close();
  });

  it('does not speak of it any more when a session begins while it waits', async () => {
    const { pipeline, answerPoll, close } = setUp({ isFallbackRead: true });
    void pipeline.apply(STOP);
    await settled();
    const forwarded = pipeline.apply(queue('orders'));
    await answerPoll();
    await answerPoll();
    await forwarded;
    assert.equal(pipeline.status().state, 'Forwarding');
    assert.equal(pipeline.status().message, undefined);
    await close();
  });
});
