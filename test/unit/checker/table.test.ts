import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge } from '../../checker/checker.ts';
import { verdictFaults, verdictTable } from '../../checker/table.ts';
import { cleanHistory } from './sample.ts';

const drawn = Array.from({ length: 60 }, (_, number) => ({
  tenant: number % 4,
  kafka: number % 2 === 0,
  key: number % 3,
}));

describe('the table', () => {
  it('has aligned columns, a row for each original and one for all, and fits a terminal', () => {
    assert.equal(
      verdictTable(cleanHistory(drawn)),
      [
        '              produced  orders-worker  alice  bob',
        'Kafka orders        30             23      7    0',
        'SQS orders          30             23      0    7',
        'total               60             46      7    7',
        '',
        '              lost  misrouted  out of order  corrupted  duplicates  left over',
        'Kafka orders     0          0             0          0           0          0',
        'SQS orders       0          0             0          0           0          0',
        'total            0          0             0          0           0          0',
      ].join('\n'),
    );
  });

  it('says nothing about a clean history and names each fault of another', () => {
    const history = cleanHistory(drawn);
    assert.deepEqual(verdictFaults(judge(history)), []);
    const [, ...rest] = history.received;
    assert.deepEqual(verdictFaults(judge({ ...history, received: rest })), ['lost: m0']);
    const strangers = history.received.map((line) => (line.tenant === 'carol' ? { ...line, reader: 'alice' } : line));
    const faults = verdictFaults(judge({ ...history, received: strangers }));
    assert.match(faults[0] ?? '', /^misrouted: m2 was read by alice: it is for the workload/);
    assert.match(faults.at(-1) ?? '', /^misrouted: and \d+ more$/);
  });
});
