import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type AttemptEvent, joinProducerEvents, type ProducerEvent, readProduced } from '../../checker/history.ts';

const attempt: AttemptEvent = {
  event: 'attempt',
  id: 'a',
  kind: 'kafka',
  source: 'orders',
  tenant: 'alice',
  key: 'alice-0',
  seq: 1,
  body: '{}',
  attributes: [],
  attemptAt: 10,
};
const ack: ProducerEvent = { event: 'ack', id: 'a', ackAt: 12, partition: 3, offset: 7 };

describe("a producer's history", () => {
  it('joins attempts with their acknowledgements', () => {
    const { event: _event, ...line } = attempt;
    assert.deepEqual(joinProducerEvents([attempt, { ...attempt, id: 'b' }, ack]), [
      { ...line, ackAt: 12, partition: 3, offset: 7 },
      { ...line, id: 'b', ackAt: null, partition: null, offset: null },
    ]);
  });

  it('refuses an acknowledgement without an attempt, and an id that is used twice', () => {
    assert.throws(() => joinProducerEvents([ack]), /acknowledged without an attempt/);
    assert.throws(() => joinProducerEvents([attempt, attempt]), /attempted twice/);
  });

  it('leaves out a last line that was cut off', () => {
    const directory = mkdtempSync(join(tmpdir(), 'history-'));
    try {
      const file = join(directory, 'produced.jsonl');
      const text = `${JSON.stringify(attempt)}\n${JSON.stringify(ack).slice(0, 20)}`;
      writeFileSync(file, text);
      assert.equal(readProduced(file)[0]?.ackAt, null);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
