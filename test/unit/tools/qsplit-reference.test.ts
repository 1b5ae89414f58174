import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qsplitReference } from '../../../tools/qsplit-reference.ts';

const block = (name: string, text = '') => `before\n<!-- generated ${name} -->\n${text}<!-- end -->\nafter`;

test('options, exit codes and events come from the program; what people wrote stays', () => {
  const exec = qsplitReference(block('exec', 'old\n'));
  assert.match(exec, /^before\n<!-- generated exec -->\n```\nqsplit exec \[options\] -- COMMAND/);
  assert.match(exec, /\| `--timeout <duration>` \| how long .* \(default: 5m\) \|\n/);
  assert.match(exec, /<!-- end -->\nafter$/);
  assert.doesNotMatch(exec, /old|heartbeat/);
  assert.match(qsplitReference(block('exit codes')), /\| 125 \| /);
  assert.match(qsplitReference(block('events')), /\| `ready` \| /);
  assert.equal(qsplitReference(exec), exec);
});

test('a block that nobody makes is an error', () => {
  assert.throws(() => qsplitReference(block('exce')), /asks for exce/);
});
