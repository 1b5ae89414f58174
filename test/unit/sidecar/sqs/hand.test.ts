// What we hold stays ours as long as we hold it, and not a moment longer.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Hand } from '../../../../sidecar/sqs/hand.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';
import { FakeSqs } from '../../common/sqs/fake-sqs.ts';

type Entry = { Id: string; ReceiptHandle: string; VisibilityTimeout: number };

function setUp() {
  const clock = new FakeClock();
  const sqs = new FakeSqs();
  const hand = new Hand({
    client: sqs.client,
    queue: { name: 'orders', url: 'http://sqs/1/orders' },
    visibilitySeconds: 40,
    maxHeld: 2,
    maxHeldBytes: 1_000,
    clock,
    onProblem: () => undefined,
  });
  const admit = (id: string, receipt = `r-${id}`) =>
    hand.admit({ MessageId: id, ReceiptHandle: receipt, Body: 'body' });
  const entries = () => sqs.calls.map((call) => call.input['Entries'] as Entry[]);
  const succeed = () => {
    sqs.reply = (_action, input) => ({ Successful: (input['Entries'] as Entry[]).map(({ Id }) => ({ Id })) });
  };
  return { clock, sqs, hand, admit, entries, succeed };
}

describe('Hand', () => {
  it('renews what it holds, with the newest handle, before it could come back', async () => {
    const { clock, hand, admit, entries, succeed } = setUp();
    succeed();
    const held = admit('a');
    assert.ok(held);
    assert.equal(admit('a', 'newer'), undefined, 'a redelivery is not held twice');
    await clock.advance(10_000);
    assert.deepEqual(entries(), [[{ Id: '0', ReceiptHandle: 'newer', VisibilityTimeout: 40 }]]);
    await clock.advance(300_000);
    assert.equal(hand.isOurs(held), true);
  });

  it('knows that a message is not ours any more when it cannot be renewed', async () => {
    const { clock, sqs, hand, admit } = setUp();
    sqs.reply = () => ({ Successful: [], Failed: [{ Id: '0' }] });
    const held = admit('a');
    assert.ok(held);
    await clock.advance(35_000);
    assert.equal(hand.isOurs(held), true);
    await clock.advance(2_000);
    assert.equal(hand.isOurs(held), false);
  });

  it('gives back with a delay and forgets, also when the call fails', async () => {
    const { sqs, hand, admit, entries } = setUp();
    const [one, two] = [admit('a'), admit('b')];
    assert.ok(one && two);
    const released = hand.release([one, two], 15);
    assert.deepEqual(
      entries().flatMap((batch) => batch.map(({ VisibilityTimeout }) => VisibilityTimeout)),
      [15, 15],
    );
    sqs.calls[0]?.fail(new Error('away'));
    await released;
    assert.equal(hand.size, 0);
    assert.equal(hand.bytes, 0);
  });

  it('takes what it has given back as a new message when that comes before the answer, and does not renew it meanwhile', async () => {
    const { clock, sqs, hand, admit, entries } = setUp();
    const one = admit('a');
    assert.ok(one);
    const released = hand.release([one], 0);
    await clock.advance(10_000);
    assert.equal(entries().length, 1, 'a renewal would hide it again');
    const again = admit('a', 'again');
    assert.ok(again, 'nobody else will get it');
    sqs.calls[0]?.answer({ Successful: [{ Id: '0' }] });
    await released;
    assert.equal(hand.size, 1);
    assert.equal(again.receipt, 'again');
  });

  it('has room again when something is forgotten', async () => {
    const { hand, admit } = setUp();
    const [one] = [admit('a'), admit('b')];
    assert.ok(one);
    let hasRoom = false;
    void hand.room(new AbortController().signal).then(() => {
      hasRoom = true;
    });
    await settled();
    assert.equal(hasRoom, false);
    hand.forget(one);
    await settled();
    assert.equal(hasRoom, true);
  });

  it('stops renewing when nothing is held', async () => {
    const { clock, hand, admit, sqs } = setUp();
    const held = admit('a');
    assert.ok(held);
    hand.forget(held);
    await clock.advance(100_000);
    assert.equal(sqs.calls.length, 0);
    assert.deepEqual(clock.timers, []);
  });
});
