import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childExitCode, errorExitCode } from '../../../cli/exit-codes.ts';
import { SplitterError } from '../../../common/errors.ts';

test('the command’s code passes through; signals and failures to start have their own', () => {
  assert.equal(childExitCode({ kind: 'code', code: 0 }), 0);
  assert.equal(childExitCode({ kind: 'code', code: 3 }), 3);
  assert.equal(childExitCode({ kind: 'signal', signal: 'SIGTERM' }), 143);
  assert.equal(childExitCode({ kind: 'failed', errno: 'ENOENT', message: '' }), 127);
  assert.equal(childExitCode({ kind: 'failed', errno: 'EACCES', message: '' }), 126);
});

test('errors before the command began', () => {
  const error = (code: 'Interrupted' | 'Internal', details = {}) => new SplitterError(code, 'x', { details });
  assert.equal(errorExitCode(error('Interrupted', { signal: 'SIGINT' })), 130);
  assert.equal(errorExitCode(error('Interrupted')), 125);
  assert.equal(errorExitCode(error('Internal', { signal: 'SIGINT' })), 125);
  assert.equal(errorExitCode(error('Internal', { errno: 'ENOENT' })), 127);
});
