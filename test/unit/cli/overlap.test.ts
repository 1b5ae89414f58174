import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterwards, overlapNotes } from '../../../cli/overlap.ts';
import { sessionFor, splitWith } from './support/objects.ts';

const alice = { session: 'alice-1', filter: { tenant: '^a' }, startedAt: '2026-03-01T12:00:00Z' };
const bob = { session: 'bob-1', filter: { tenant: 'b$' }, startedAt: '2026-03-01T11:00:00Z' };

test('the session that started first gets what matches both', () => {
  const split = splitWith([alice, bob]);
  assert.deepEqual(overlapNotes(split, sessionFor('alice-1')), [
    'orders: bob-1 (tenant ~ b$) started earlier and gets the messages that match both filters',
  ]);
  assert.deepEqual(overlapNotes(split, sessionFor('bob-1')), [
    'orders: alice-1 (tenant ~ ^a) is there too; messages that match both filters come here',
  ]);
});

test('an ending session and empty filters take nothing from anybody', () => {
  assert.deepEqual(overlapNotes(splitWith([alice, { ...bob, ending: true }]), sessionFor('alice-1')), []);
  assert.deepEqual(overlapNotes(splitWith([alice, { ...bob, filter: {} }]), sessionFor('alice-1')), []);
  assert.deepEqual(overlapNotes(splitWith([{ ...alice, filter: {} }, bob]), sessionFor('alice-1')), []);
  assert.deepEqual(overlapNotes(undefined, sessionFor('alice-1')), []);
});

test('what goes on after the end', () => {
  assert.match(afterwards(splitWith([alice, bob]), 'alice-1'), /the split goes on for bob-1$/);
  assert.match(
    afterwards(splitWith([alice], 90), 'alice-1'),
    /in 1m30s, unless a new session comes, orders-worker is restored/,
  );
  assert.match(afterwards(splitWith([alice]), 'alice-1'), /; then orders-worker is restored to its original queues$/);
  assert.equal(afterwards(undefined, 'alice-1'), 'what is left in its queues is moved to the deployed workload');
});
