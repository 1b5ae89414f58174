import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchReport } from '../../../cli/match-report.ts';
import { sessionFor, splitWith } from './support/objects.ts';

const names = [{ name: 'tenant', messages: 80, distinct: 1 }];

function report(
  seen: { read: number; matched: number; names: typeof names } | undefined,
  filter = { tenant: '^alice$' },
) {
  const session = sessionFor('alice-1');
  const split = splitWith([{ session: 'alice-1', filter }]);
  split.status = {
    forwarder: {
      holder: 'pod',
      acknowledgedRevision: 1,
      queues: [
        {
          key: 'orders',
          state: 'Forwarding',
          ...(seen === undefined ? {} : { seen: [{ sessionUid: 'uid-alice-1', ...seen }] }),
        },
      ],
    },
  };
  return matchReport(split, session);
}

test('what was read, and what was seen of each name of the filter', () => {
  assert.deepEqual(report({ read: 120, matched: 0, names }, { tenant: '^alice$', region: 'eu' } as never), [
    'orders: 120 messages read, none matched; 80 have the name tenant (one value; wanted: ^alice$), none of them has the name region',
  ]);
  assert.deepEqual(report({ read: 0, matched: 0, names: [] }), ['orders: 0 messages read, none matched']);
});

test('nothing to say after a match, for a filter that matches nothing, and without counts', () => {
  assert.deepEqual(report({ read: 120, matched: 1, names }), []);
  assert.deepEqual(report({ read: 120, matched: 0, names }, {} as never), []);
  assert.deepEqual(report(undefined), []);
  assert.deepEqual(matchReport(undefined, sessionFor('alice-1')), []);
});
