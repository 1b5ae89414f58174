// When a message may be deleted from the original: after its copy was acknowledged to somebody who was still allowed to write.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Hand, type Held } from '../../../../sidecar/sqs/hand.ts';
import { createMeters } from '../../../../sidecar/sqs/meters.ts';
import { Outbox } from '../../../../sidecar/sqs/outbox.ts';
import { SQS_DEFAULTS } from '../../../../sidecar/sqs/settings.ts';
import { FakeClock, settled } from '../../common/fake-clock.ts';
import { FakeSqs } from '../../common/sqs/fake-sqs.ts';

function setUp() {
  const clock = new FakeClock();
  const original = new FakeSqs();
  const destination = new FakeSqs();
  const stored: Held[] = [];
  const problems: (string | undefined)[] = [];
  let mayWrite = true;
  const hand = new Hand({
    client: original.client,
    queue: { name: 'orders', url: 'http://sqs/1/orders' },
    visibilitySeconds: 30,
    maxHeld: 10,
    maxHeldBytes: 10_000,
    clock,
    onProblem: () => undefined,
  });
  const outbox = new Outbox({
    destination: { role: 'session', session: 'alice', name: 'alices', url: 'http://sqs/1/alices' },
    client: destination.client,
    hand,
    onStored: (held) => stored.push(held),
    onProblem: (problem) => problems.push(problem?.code),
    mayWrite: () => mayWrite,
    meters: createMeters({ namespace: 'shop', workload: 'worker' }, 'orders'),
    settings: SQS_DEFAULTS,
    clock,
    random: () => 1,
  });
  const offer = (id: string) => {
    const held = hand.admit({ MessageId: id, ReceiptHandle: `r-${id}`, Body: 'body' });
    assert.ok(held && outbox.tryAdd(held));
  };
  const acknowledge = async () => {
    destination
      .of('SendMessageBatch')
      .at(-1)
      ?.answer({ Successful: [{ Id: '0' }] });
    await settled();
  };
  return {
    original,
    destination,
    stored,
    problems,
    hand,
    outbox,
    offer,
    acknowledge,
    forbid: () => (mayWrite = false),
  };
}

describe('Outbox', () => {
  it('hands a message on for deletion when its copy is acknowledged', async () => {
    const { stored, offer, acknowledge } = setUp();
    offer('a');
    await acknowledge();
    assert.deepEqual(
      stored.map(({ id }) => id),
      ['a'],
    );
  });

  it('leaves a message in the original when it lost the right to write while the copy was under way', async () => {
    const { original, stored, hand, offer, acknowledge, forbid } = setUp();
    original.reply = () => ({ Successful: [{ Id: '0' }] });
    offer('a');
    // Others may have taken over by now, emptied the destination, and be about to delete it.
    forbid();
    await acknowledge();
    assert.deepEqual(stored, []);
    assert.equal(hand.size, 0, 'it comes again');
    assert.equal(original.of('ChangeMessageVisibilityBatch').length, 1);
  });

  it('has no problem any more once it is retired, although a send that was under way still fails', async () => {
    const { destination, problems, outbox, offer } = setUp();
    offer('a');
    await settled();
    const retired = outbox.retire();
    destination.of('SendMessageBatch')[0]?.fail(new Error('the queue does not exist'));
    await retired;
    assert.equal(problems.length, 2);
    assert.equal(problems.at(-1), undefined);
  });
});
