import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diffCopies, type KcatRecord, parseKcat } from '../../checker/kcat.ts';

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');

function record(offset: number, value: string, more: Partial<KcatRecord> = {}): KcatRecord {
  const plain = { topic: 'orders', partition: 0, timestampType: 'create', timestamp: 5, key: base64('k'), headers: [] };
  return { ...plain, offset, value: base64(value), ...more };
}

describe('reading what kcat wrote', () => {
  it('keeps every byte, and tells null from empty', () => {
    const head = '{"topic":"orders","partition":0,"tstype":"create","ts":5,"broker":1';
    const output = [
      `${head},"offset":7,"headers":["h","\\u0000\\n\u00ff","h",null],"key":"k","payload":"a\\n\u00e2\u0080\u00a8"}\n`,
      `${head},"offset":8,"key":null,"payload":null}\n`,
      `${head},"offset":9,"key":"","payload":""}\n`,
    ].join('');
    assert.deepEqual(parseKcat(output), [
      record(7, 'a\n\u00e2\u0080\u00a8', { headers: [base64('h'), base64('\u0000\n\u00ff'), base64('h'), null] }),
      record(8, '', { key: null, value: null }),
      record(9, '', { key: '' }),
    ]);
  });

  it('refuses output that is not its JSON', () => {
    assert.throws(() => parseKcat('% ERROR: broken\n'));
  });

  it('reads nothing from an empty topic', () => {
    assert.deepEqual(parseKcat(''), []);
  });
});

describe('comparing copies with their original', () => {
  const original = [record(0, 'a'), record(1, 'b'), record(2, 'c'), record(3, 'b')];
  const copies = [
    [record(0, 'a'), record(2, 'c')],
    [record(0, 'b'), record(1, 'b')],
  ];

  it('passes exact copies that share the original among them', () => {
    assert.deepEqual(diffCopies(original, copies, true), []);
  });

  it('finds a changed byte, header, timestamp and key', () => {
    for (const change of [
      { value: base64('x') },
      { headers: [base64('h'), null] },
      { timestamp: 6 },
      { timestampType: 'logappend' },
      { key: null },
    ]) {
      const found = diffCopies(original, [[{ ...record(0, 'a'), ...change }]], false);
      assert.equal(found.length, 1, JSON.stringify(change));
      assert.match(found[0] ?? '', /is not in the original/);
    }
  });

  it('finds a reordered and a doubled record', () => {
    assert.match(diffCopies(original, [[record(0, 'c'), record(1, 'a')]], false)[0] ?? '', /stands after/);
    assert.match(diffCopies(original, [[record(0, 'a'), record(1, 'a')]], false)[0] ?? '', /twice/);
  });

  it('finds a record that no copy holds', () => {
    assert.deepEqual(diffCopies(original, [copies[0] ?? []], true).length, 2);
    assert.deepEqual(diffCopies(original, [copies[0] ?? []], false), []);
  });
});
