// How many polls run at a time, that none is ever aborted, and what happens when the broker refuses.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Message } from '@aws-sdk/client-sqs';
import { Reader } from '../../../../sidecar/sqs/reader.ts';
import { SQS_DEFAULTS } from '../../../../sidecar/sqs/settings.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';
import { FakeSqs } from '../../common/sqs/fake-sqs.ts';

const messages = (count: number): { Messages: Message[] } => ({
  Messages: Array.from({ length: count }, (_, index) => ({ MessageId: String(index) })),
});

function setUp() {
  const clock = new FakeClock();
  const sqs = new FakeSqs();
  const delivered: number[] = [];
  const problems: (string | undefined)[] = [];
  const state = { mayRead: true, mayDeliver: Promise.resolve() };
  const reader = new Reader({
    client: sqs.client,
    queue: { name: 'orders', url: 'http://sqs/1/orders' },
    settings: { ...SQS_DEFAULTS, maxPolls: 3, retryBaseMs: 100 },
    room: async () => undefined,
    mayRead: () => state.mayRead,
    deliver: async (received) => {
      await state.mayDeliver;
      delivered.push(received.length);
    },
    onProblem: (problem) => problems.push(problem?.code),
    clock,
    random: () => 1,
  });
  const never = new AbortController().signal;
  /** Answers the oldest open poll. */
  const answered = { count: 0 };
  const answer = async (count: number) => {
    sqs.calls[answered.count]?.answer(messages(count));
    answered.count += 1;
    await settled();
  };
  const openPolls = () => sqs.calls.length - answered.count;
  return { clock, sqs, reader, delivered, problems, state, never, answer, openPolls };
}

describe('Reader', () => {
  it('begins with a short poll, which tells whether it may read at all, and goes on with long ones', async () => {
    const { reader, sqs, never, answer } = setUp();
    const started = reader.start(never);
    await settled();
    assert.equal(sqs.calls[0]?.input['WaitTimeSeconds'], 0);
    await answer(0);
    assert.equal(await started, true);
    assert.equal(sqs.calls[1]?.input['WaitTimeSeconds'], SQS_DEFAULTS.waitSeconds);
    assert.deepEqual(sqs.calls[1]?.input['MessageAttributeNames'], ['All']);
    assert.deepEqual(sqs.calls[1]?.input['MessageSystemAttributeNames'], ['All']);
  });

  it('adds a poll for each full answer up to the limit, and ends one for each nearly empty answer down to one', async () => {
    const { reader, never, answer, openPolls } = setUp();
    void reader.start(never);
    await settled();
    assert.equal(openPolls(), 1);
    await answer(10);
    assert.equal(openPolls(), 2);
    await answer(10);
    await answer(10);
    assert.equal(openPolls(), 3);
    await answer(7);
    assert.equal(openPolls(), 3);
    await answer(4);
    assert.equal(openPolls(), 2);
    await answer(0);
    await answer(0);
    assert.equal(openPolls(), 1);
  });

  it('goes on with one poll when all had nearly empty answers while the others were still delivering theirs', async () => {
    const { reader, never, answer, openPolls, state, delivered } = setUp();
    const gate = Promise.withResolvers<void>();
    void reader.start(never);
    await settled();
    await answer(10);
    await answer(10);
    assert.equal(openPolls(), 3);
    state.mayDeliver = gate.promise;
    await answer(3);
    await answer(2);
    await answer(1);
    assert.equal(openPolls(), 0);
    gate.resolve();
    await settled();
    assert.deepEqual(delivered, [10, 10, 3, 2, 1]);
    assert.equal(openPolls(), 1);
  });

  it('counts only its own polls when it is started again before the old ones have ended', async () => {
    const { reader, sqs, never } = setUp();
    void reader.start(never);
    await settled();
    void reader.stop();
    void reader.start(never);
    await settled();
    assert.equal(sqs.calls.length, 2);
    sqs.calls[1]?.answer(messages(0));
    sqs.calls[0]?.answer(messages(0));
    await settled();
    assert.equal(sqs.calls.length, 3);
  });

  it('waits at a stop for the running poll and delivers what it brings', async () => {
    const { reader, never, answer, delivered, openPolls } = setUp();
    void reader.start(never);
    await settled();
    await answer(0);
    let stopped = false;
    void reader.stop().then(() => {
      stopped = true;
    });
    await settled();
    assert.equal(stopped, false);
    await answer(3);
    assert.equal(stopped, true);
    assert.deepEqual(delivered, [3]);
    assert.equal(openPolls(), 0);
  });

  it('says what refused it, tries again after a pause, and says when it works', async () => {
    const { reader, sqs, never, problems, clock } = setUp();
    const started = reader.start(never);
    await settled();
    sqs.calls[0]?.fail(Object.assign(new Error('no'), { name: 'AccessDenied' }));
    await settled();
    assert.deepEqual(problems, ['PermissionDenied']);
    assert.equal(sqs.calls.length, 1);
    await clock.advance(100);
    sqs.calls[1]?.answer(messages(0));
    assert.equal(await started, true);
    assert.deepEqual(problems, ['PermissionDenied', undefined]);
  });

  it('reads nothing while it may not, and starts by itself when it may', async () => {
    const { reader, sqs, never, state, clock } = setUp();
    state.mayRead = false;
    void reader.start(never);
    await settled();
    await clock.advance(1_000);
    assert.equal(sqs.calls.length, 0);
    state.mayRead = true;
    await clock.advance(10_000);
    assert.equal(sqs.calls.length, 1);
  });

  it('gives up waiting for the first answer when it is superseded, and goes on when it is started again', async () => {
    const { reader, answer } = setUp();
    const superseded = new AbortController();
    const first = reader.start(superseded.signal);
    superseded.abort();
    assert.equal(await first, false);
    const second = reader.start(new AbortController().signal);
    await settled();
    await answer(0);
    assert.equal(await second, true);
  });
});
