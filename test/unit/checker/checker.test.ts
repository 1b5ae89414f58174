import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge, type Verdict } from '../../checker/checker.ts';
import type { History, ProducedLine, ReceivedLine } from '../../checker/history.ts';
import { fc } from '../../random.ts';
import { cleanHistory, deliver, draws, SESSION_END_AT, SESSION_READY_AT } from './sample.ts';

/** Ends the property's run as "not applicable" when the random history holds no such line. */
function findLine<Line>(lines: readonly Line[], wanted: (line: Line) => boolean): Line {
  const found = lines.find(wanted);
  fc.pre(found !== undefined);
  return found as Line;
}

function replace(history: History, id: string, change: (line: ReceivedLine) => ReceivedLine[]): History {
  return { ...history, received: history.received.flatMap((line) => (line.id === id ? change(line) : [line])) };
}

const duringAlice = (message: ProducedLine) =>
  message.tenant === 'alice' && message.attemptAt >= SESSION_READY_AT && message.attemptAt < SESSION_END_AT - 10;

/** Injects one fault into random clean histories; `found` says whether the verdict names it. */
function injecting(
  fault: string,
  inject: (history: History) => [History, string],
  found: (v: Verdict, id: string) => boolean,
) {
  it(`finds ${fault}`, () => {
    fc.assert(
      fc.property(draws, (drawn) => {
        const [history, id] = inject(cleanHistory(drawn));
        const verdict = judge(history);
        assert.equal(verdict.ok, false);
        assert.ok(found(verdict, id), JSON.stringify({ id, ...verdict }));
      }),
      { numRuns: 50 },
    );
  });
}

describe('the checker', () => {
  it('passes clean random histories', () => {
    fc.assert(
      fc.property(draws, (drawn) => {
        const history = cleanHistory(drawn);
        const verdict = judge(history);
        const faults = JSON.stringify(verdict);
        assert.ok(verdict.ok, faults);
        assert.equal(verdict.produced, drawn.length);
        assert.equal(verdict.duplicates.length + verdict.leftOvers.length + verdict.recovered.length, 0, faults);
        assert.equal(
          [...verdict.receivedBy.values()].reduce((sum, count) => sum + count, 0),
          drawn.length,
        );
      }),
    );
  });

  injecting(
    'one lost message',
    (history) => {
      const { id } = findLine(history.received, () => true);
      return [replace(history, id, () => []), id];
    },
    (verdict, id) => verdict.lost.length === 1 && verdict.lost[0] === id,
  );

  injecting(
    'one message that nobody sent',
    (history) => {
      const line = findLine(history.received, () => true);
      return [{ ...history, received: [...history.received, { ...line, id: 'ghost', arrival: 1e6 }] }, 'ghost'];
    },
    (verdict, id) => verdict.unexpected.length === 1 && verdict.unexpected[0] === id,
  );

  injecting(
    'one Kafka record that stands twice in a copy',
    (history) => {
      const line = findLine(history.received, ({ kind }) => kind === 'kafka');
      const again = { ...line, offset: 9999, arrival: 1e6 };
      return [{ ...history, received: [...history.received, again] }, line.id];
    },
    (verdict, id) => verdict.doubledCopies.length === 1 && verdict.doubledCopies[0]?.id === id,
  );

  injecting(
    "one of a session's messages at the workload",
    (history) => {
      const { id } = findLine(history.produced, duringAlice);
      return [replace(history, id, (line) => [{ ...line, reader: 'orders-worker' }]), id];
    },
    (verdict, id) => verdict.misrouted.some((fault) => fault.id === id && fault.reader === 'orders-worker'),
  );

  injecting(
    "one of the workload's messages at a session, at any time",
    (history) => {
      const { id } = findLine(history.produced, ({ tenant }) => tenant === 'carol');
      return [replace(history, id, (line) => [{ ...line, reader: 'alice' }]), id];
    },
    (verdict, id) => verdict.misrouted.some((fault) => fault.id === id && fault.reader === 'alice'),
  );

  injecting(
    'one message at a session as a second delivery',
    (history) => {
      const line = findLine(history.received, ({ tenant }) => tenant === 'carol');
      const again = { ...line, reader: 'bob', arrival: 1e6 };
      return [{ ...history, received: [...history.received, again] }, line.id];
    },
    (verdict, id) => verdict.misrouted.some((fault) => fault.id === id && fault.reader === 'bob'),
  );

  injecting(
    'one message at the overlapping session that started later',
    (history) => {
      const { id } = findLine(history.produced, duringAlice);
      return [replace(history, id, (line) => [{ ...line, reader: 'bob' }]), id];
    },
    (verdict, id) => verdict.misrouted.some((fault) => fault.id === id && fault.reader === 'bob'),
  );

  injecting(
    'one reordered pair of a key',
    (history) => {
      const later = findLine(history.received, (line) =>
        history.received.some((other) => isBefore(other, line, history)),
      );
      const earlier = findLine(history.received, (line) => isBefore(line, later, history));
      const swapped = history.received.map((line) => {
        if (line.id === earlier.id) return { ...line, arrival: later.arrival };
        return line.id === later.id ? { ...line, arrival: earlier.arrival } : line;
      });
      return [{ ...history, received: swapped }, earlier.id];
    },
    (verdict, id) => verdict.outOfOrder.some((fault) => fault.id === id),
  );

  injecting(
    'one corrupted attribute',
    (history) => {
      const { id } = findLine(history.received, () => true);
      const corrupt = (line: ReceivedLine) => ({
        ...line,
        attributes: line.attributes.map((one) => (one.name === 'binary' ? { ...one, value: 'AP4=' } : one)),
      });
      return [replace(history, id, (line) => [corrupt(line)]), id];
    },
    (verdict, id) => verdict.corrupted.length === 1 && verdict.corrupted[0]?.id === id,
  );

  it('reports one doubled SQS message and passes it', () => {
    fc.assert(
      fc.property(draws, (drawn) => {
        const history = cleanHistory(drawn);
        const line = findLine(history.received, ({ kind }) => kind === 'sqs');
        const verdict = judge({ ...history, received: [...history.received, { ...line, arrival: 1e6 }] });
        assert.deepEqual(verdict.duplicates, [{ id: line.id, kind: 'sqs', deliveries: 2 }]);
        assert.ok(verdict.ok);
      }),
    );
  });
});

/** Same reader and key, no third message between them in that order. */
function isBefore(one: ReceivedLine, other: ReceivedLine, history: History): boolean {
  if (one.key === null || one.reader !== other.reader || one.key !== other.key || one.seq >= other.seq) return false;
  return !history.received.some(({ key, seq }) => key === one.key && seq > one.seq && seq < other.seq);
}

describe('the checker at the end of a session', () => {
  const message: ProducedLine = {
    id: 'm',
    kind: 'sqs',
    source: 'orders',
    tenant: 'alice',
    key: null,
    seq: 1,
    body: '{}',
    attributes: [{ name: 'tenant', type: 'String', value: 'alice' }],
    attemptAt: SESSION_END_AT - 20,
    ackAt: SESSION_END_AT - 10,
    partition: null,
    offset: null,
  };
  const base = cleanHistory([]);
  const judgeOne = (sent: ProducedLine, ...received: ReceivedLine[]) => judge({ ...base, produced: [sent], received });

  it('counts what the workload gets after the end was requested as left over', () => {
    const verdict = judgeOne(message, deliver(message, 'orders-worker', SESSION_END_AT + 5, 1));
    assert.deepEqual(verdict.leftOvers, [{ id: 'm', session: 'alice sqs', reader: 'orders-worker' }]);
    assert.ok(verdict.ok);
  });

  it('is strict until the end was requested', () => {
    const verdict = judgeOne(message, deliver(message, 'orders-worker', SESSION_END_AT - 5, 1));
    assert.equal(verdict.misrouted.length, 1);
    assert.deepEqual(verdict.leftOvers, []);
  });

  it('lets either reader have a message whose send spans the end', () => {
    const spanning = { ...message, ackAt: SESSION_END_AT + 1 };
    for (const reader of ['alice', 'bob']) assert.ok(judgeOne(spanning, deliver(spanning, reader, 1, 1)).ok, reader);
  });

  it('refuses a message that was sent after the session had ended', () => {
    const late = { ...message, attemptAt: SESSION_END_AT + 60, ackAt: SESSION_END_AT + 61 };
    assert.equal(judgeOne(late, deliver(late, 'alice', SESSION_END_AT + 70, 1)).misrouted.length, 1);
  });

  it('counts an unacknowledged message that arrived as recovered, and one that did not as nothing', () => {
    const unsure = { ...message, id: 'unsure', ackAt: null };
    assert.deepEqual(judgeOne(unsure, deliver(unsure, 'alice', 1, 1)).recovered, ['unsure']);
    assert.deepEqual(judgeOne(unsure).lost, []);
  });

  it('proves nothing about an original to which no send was acknowledged', () => {
    const verdict = judgeOne({ ...message, ackAt: null });
    assert.equal(verdict.ok, false);
    assert.deepEqual(verdict.silent, ['sqs orders']);
    assert.equal(judge(base).ok, false);
  });
});
