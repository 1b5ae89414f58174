// When a queue counts as empty, what is deleted and what not, and how a move ends. That nothing is lost when it dies is proved with an emulator.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { type MoveRequest, moveAll } from '../../../../common/sqs/move.ts';
import { FakeClock, settled } from '../fake-clock.ts';
import { FakeSqs } from './fake-sqs.ts';

type Depth = { visible?: number; inFlight?: number; delayed?: number };

/** A source that shows these depths one after another (the last one for ever) and hands out these batches of message numbers. */
function setUp(depths: Depth[], batches: number[][] = [], refused: ReadonlySet<string> = new Set()) {
  const clock = new FakeClock();
  const from = new FakeSqs();
  const to = new FakeSqs();
  from.reply = (action) => {
    if (action === 'GetQueueAttributes') {
      const { visible = 0, inFlight = 0, delayed = 0 } = (depths.length > 1 ? depths.shift() : depths[0]) ?? {};
      return {
        Attributes: {
          ApproximateNumberOfMessages: String(visible),
          ApproximateNumberOfMessagesNotVisible: String(inFlight),
          ApproximateNumberOfMessagesDelayed: String(delayed),
        },
      };
    }
    if (action !== 'ReceiveMessage') return {};
    return { Messages: batches.shift()?.map((id) => ({ MessageId: `${id}`, ReceiptHandle: `r${id}`, Body: `${id}` })) };
  };
  to.reply = (_action, input) => {
    const entries = input['Entries'] as { Id: string; MessageBody: string }[];
    const isRefused = ({ MessageBody }: { MessageBody: string }) => refused.has(MessageBody);
    return {
      Successful: entries.filter((entry) => !isRefused(entry)),
      Failed: entries.filter(isRefused).map(({ Id }) => ({ Id, Code: 'InvalidMessageContents', SenderFault: true })),
    };
  };
  const handles = (action: string) =>
    from
      .of(action)
      .flatMap((call) => (call.input['Entries'] as { ReceiptHandle: string }[]).map((entry) => entry.ReceiptHandle));
  const request = (more: Partial<MoveRequest> = {}): MoveRequest => ({
    from: { client: from.client, name: 'session', url: 'http://sqs/1/session' },
    to: { client: to.client, name: 'fallback', url: 'http://sqs/1/fallback' },
    confirmMs: 6_000,
    deadlineMs: 60_000,
    visibilitySeconds: 30,
    mayWrite: () => true,
    mayGetMore: () => false,
    clock,
    signal: new AbortController().signal,
    ...more,
  });
  return { clock, from, to, handles, request };
}

describe('moveAll', () => {
  it('needs no permission to read when there is nothing, and answers after the confirmation window', async () => {
    const { clock, from, request } = setUp([{}]);
    let result: unknown;
    void moveAll(request()).then((moved) => {
      result = moved;
    });
    await settled();
    await clock.advance(5_900);
    assert.equal(result, undefined);
    await clock.advance(200);
    assert.deepEqual(result, { moved: 0, empty: true, left: { visible: 0, inFlight: 0, delayed: 0 } });
    assert.deepEqual([...new Set(from.calls.map(({ action }) => action))], ['GetQueueAttributes']);
  });

  it('begins the window only when nobody may fill the source any more, and says at the deadline that it is not empty for good', async () => {
    const { clock, request } = setUp([{}]);
    let mayGetMore = true;
    const late = moveAll(request({ mayGetMore: () => mayGetMore }));
    await settled();
    await clock.advance(60_000);
    assert.equal((await late).empty, false);
    const results: boolean[] = [];
    void moveAll(request({ mayGetMore: () => mayGetMore })).then(({ empty }) => results.push(empty));
    await settled();
    await clock.advance(30_000);
    mayGetMore = false;
    await clock.advance(5_900);
    assert.deepEqual(results, []);
    await clock.advance(1_200);
    assert.deepEqual(results, [true]);
  });

  it('begins the window anew whenever something shows up, in flight and delayed messages included', async () => {
    const { clock, request } = setUp([{}, {}, { inFlight: 1 }, {}, {}, { delayed: 1 }, {}]);
    let isDone = false;
    void moveAll(request()).then(() => {
      isDone = true;
    });
    await settled();
    await clock.advance(11_900);
    assert.equal(isDone, false);
    await clock.advance(200);
    assert.equal(isDone, true);
  });

  it('moves, and deletes exactly what was acknowledged', async () => {
    const { clock, handles, request } = setUp([{ visible: 3 }, {}], [[1, 2, 3]], new Set(['2']));
    const moved: number[] = [];
    const result = moveAll(request({ onMoved: (messages) => moved.push(messages) }));
    await settled();
    await clock.advance(7_000);
    assert.equal((await result).moved, 2);
    assert.deepEqual(moved, [2]);
    assert.deepEqual(handles('DeleteMessageBatch'), ['r1', 'r3']);
    assert.deepEqual(handles('ChangeMessageVisibilityBatch'), ['r2'], 'what was refused is given back');
  });

  it('halves what the broker calls too long, and deletes what each half brought over', async () => {
    const { clock, to, handles, request } = setUp([{ visible: 5 }, {}], [[1, 2, 3, 4, 5]]);
    to.reply = (_action, input) => {
      const entries = input['Entries'] as { MessageBody: string }[];
      if (entries.length > 3) throw Object.assign(new Error('too long'), { name: 'BatchRequestTooLong' });
      if (entries[0]?.MessageBody === '4') throw Object.assign(new Error('busy'), { name: 'InternalError' });
      return { Successful: entries };
    };
    const result = moveAll(request());
    await settled();
    await clock.advance(7_000);
    assert.equal((await result).moved, 3);
    assert.deepEqual(handles('ChangeMessageVisibilityBatch'), ['r4', 'r5'], 'given back: they come again');
    assert.deepEqual(handles('DeleteMessageBatch'), ['r1', 'r2', 'r3']);
  });

  it('says what is left at the deadline', async () => {
    const { clock, request } = setUp([{ inFlight: 2 }]);
    const result = moveAll(request({ deadlineMs: 10_000 }));
    await settled();
    await clock.advance(11_000);
    assert.deepEqual(await result, { moved: 0, empty: false, left: { visible: 0, inFlight: 2, delayed: 0 } });
  });

  it('sends and deletes nothing once another replica may hold the split', async () => {
    const { to, handles, request } = setUp([{ visible: 1 }], [[1]]);
    await assert.rejects(moveAll(request({ mayWrite: () => false })), { code: 'Conflict' });
    assert.equal(to.calls.length, 0);
    assert.deepEqual(handles('DeleteMessageBatch'), []);
    assert.deepEqual(handles('ChangeMessageVisibilityBatch'), ['r1']);
  });

  it('deletes nothing when another replica may have taken over while the copies were under way', async () => {
    const { to, handles, request } = setUp([{ visible: 1 }], [[1]]);
    const mayWrite = () => to.calls.length === 0;
    await assert.rejects(moveAll(request({ mayWrite })), { code: 'Conflict' });
    assert.equal(to.calls.length, 1);
    assert.deepEqual(handles('DeleteMessageBatch'), []);
    assert.deepEqual(handles('ChangeMessageVisibilityBatch'), ['r1']);
  });

  it('takes a queue that does not exist for empty', async () => {
    const { clock, from, request } = setUp([{}]);
    from.reply = () => {
      throw Object.assign(new Error('gone'), { name: 'QueueDoesNotExist' });
    };
    const result = moveAll(request());
    await settled();
    await clock.advance(7_000);
    assert.equal((await result).empty, true);
  });

  it('ends with the signal', async () => {
    const { clock, request } = setUp([{}]);
    const abort = new AbortController();
    const result = moveAll(request({ signal: abort.signal }));
    const rejected = assert.rejects(result, { code: 'Interrupted' });
    abort.abort(new SplitterError('Interrupted', 'enough'));
    await settled();
    await clock.advance(100);
    await rejected;
  });
});
