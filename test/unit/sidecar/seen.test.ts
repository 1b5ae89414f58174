import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Route } from '../../../api/kinds/workload-split.ts';
import { messageAttributes } from '../../../common/filter/filter.ts';
import { SeenSampler } from '../../../sidecar/seen.ts';

const route = (session: string, filter: Record<string, string>): Route => ({
  session,
  sessionUid: session,
  filter,
  mode: 'steal',
  destination: { name: session },
  startedAt: '2026-01-01T00:00:00Z',
  ending: false,
});
const message = (attributes: Record<string, string>) => messageAttributes('SQS', Object.entries(attributes));

describe('SeenSampler', () => {
  it('counts messages and different values of the names a filter speaks of, whatever their case', () => {
    const sampler = new SeenSampler((name) => name.toLowerCase());
    sampler.setRoutes([route('alice', { Tenant: '^alice$', region: '.' })]);
    for (const tenant of ['a', 'b', 'a']) sampler.add(message({ TENANT: tenant, other: 'x' }), undefined);
    assert.deepEqual(sampler.list(), [
      {
        sessionUid: 'alice',
        read: 3,
        matched: 0,
        names: [
          { name: 'Tenant', messages: 3, distinct: 2 },
          { name: 'region', messages: 0, distinct: 0 },
        ],
      },
    ]);
  });

  it('looks at names no more once the session got a message', () => {
    const sampler = new SeenSampler((name) => name.toLowerCase());
    const alice = route('alice', { tenant: 'alice' });
    sampler.setRoutes([alice]);
    sampler.add(message({ tenant: 'alice' }), alice);
    sampler.add(message({ tenant: 'bob' }), undefined);
    assert.deepEqual(sampler.list(), [
      { sessionUid: 'alice', read: 2, matched: 1, names: [{ name: 'tenant', messages: 0, distinct: 0 }] },
    ]);
  });

  it('counts different values up to a limit and holds no more of them', () => {
    const sampler = new SeenSampler((name) => name);
    sampler.setRoutes([route('alice', { id: 'x' })]);
    for (let id = 0; id < 500; id += 1) sampler.add(message({ id: String(id) }), undefined);
    assert.equal(sampler.list()[0]?.names[0]?.distinct, 50);
  });

  it('keeps the counts of routes that stay and forgets those that go', () => {
    const sampler = new SeenSampler((name) => name);
    const [alice, bob] = [route('alice', { a: '.' }), route('bob', { b: '.' })];
    sampler.setRoutes([alice]);
    sampler.add(message({}), undefined);
    sampler.setRoutes([alice, bob]);
    assert.deepEqual(
      sampler.list().map(({ sessionUid, read }) => [sessionUid, read]),
      [
        ['alice', 1],
        ['bob', 0],
      ],
    );
    sampler.setRoutes([bob]);
    assert.deepEqual(
      sampler.list().map(({ sessionUid }) => sessionUid),
      ['bob'],
    );
  });
});
