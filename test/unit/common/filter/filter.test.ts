import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QueueKind } from '../../../../api/kinds/common.ts';
import type { Route } from '../../../../api/kinds/workload-split.ts';
import { compileFilter, matches, messageAttributes } from '../../../../common/filter/filter.ts';
import { compileRoutes, selectRoute } from '../../../../common/filter/routes.ts';
import { fc } from '../../../random.ts';

const matching = (kind: QueueKind, filter: Record<string, string>, ...entries: [string, string][]): boolean =>
  matches(compileFilter(kind, filter, 'orders'), messageAttributes(kind, entries));

describe('matching', () => {
  it('searches the pattern in the value', () => {
    assert.equal(matching('Kafka', { source: '^my-session-' }, ['source', 'my-session-844cb78789-2fmsw']), true);
    assert.equal(matching('Kafka', { source: 'session' }, ['source', 'my-session-1']), true);
    assert.equal(matching('Kafka', { source: '^session$' }, ['source', 'my-session-1']), false);
  });

  it('wants all attributes', () => {
    const filter = { author: '^me$', level: '^(beginner|intermediate)$' };
    assert.equal(matching('SQS', filter, ['author', 'me'], ['level', 'beginner']), true);
    assert.equal(matching('SQS', filter, ['author', 'me'], ['level', 'expert']), false);
    assert.equal(matching('SQS', filter, ['author', 'me']), false);
  });

  it('matches nothing with an empty filter', () => {
    for (const kind of ['SQS', 'Kafka'] as const) {
      assert.equal(matching(kind, {}), false);
      assert.equal(matching(kind, {}, ['a', 'b']), false);
    }
  });

  it('ignores case of names and values on SQS only', () => {
    assert.equal(matching('SQS', { client: '^a$' }, ['cliENT', 'A']), true);
    assert.equal(matching('Kafka', { client: '^a$' }, ['cliENT', 'a']), false);
    assert.equal(matching('Kafka', { client: '^a$' }, ['client', 'A']), false);
  });

  it('takes any value of a repeated header', () => {
    assert.equal(matching('Kafka', { tenant: '^bob$' }, ['tenant', 'alice'], ['tenant', 'bob']), true);
  });

  it('wants both of two names that are the same on SQS', () => {
    const filter = { tenant: 'a', Tenant: 'b' };
    assert.equal(matching('SQS', filter, ['tenant', 'a']), false);
    assert.equal(matching('SQS', filter, ['tenant', 'ab']), true);
  });

  it('survives names that objects have by nature', () => {
    assert.equal(matching('Kafka', { constructor: '.' }, ['a', 'b']), false);
    assert.equal(matching('Kafka', { __proto__x: '.' }, ['__proto__', 'b']), false);
  });

  it('does not depend on the order of attributes', () => {
    const entries = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.string({ maxLength: 3 })), { maxLength: 6 });
    fc.assert(
      fc.property(entries, (list) => {
        const filter = { a: '^.', b: '' };
        assert.equal(matching('Kafka', filter, ...list), matching('Kafka', filter, ...list.toReversed()));
      }),
    );
  });
});

describe('refused patterns', () => {
  const cases: [string, RegExp][] = [
    ['(?=a)', /look-ahead, which cannot be searched in linear time/],
    ['(?<!a)b', /look-behind/],
    ['(a)\\1', /refers back to a group/],
    ['(?>a)', /atomic group/],
    ['a++', /possessive/],
    ['[', /missing closing \]/],
    ['a{1001}', /invalid repeat count/],
    ['(a', /: missing closing \): `\(a`/],
    ['^a\\Z', /Write \$ or \\z/],
    ['\\u00e9', /Write the character itself/],
    ['(?x)a b', /Write it without spaces/],
    ['(a|b)*a(a|b){900}$', /too large \(2708 steps, 1100 are allowed\)/],
  ];
  for (const [pattern, why] of cases) {
    it(`${pattern} is refused with queue id, attribute and cause`, () => {
      assert.throws(
        () => compileFilter('SQS', { fine: 'a', tenant: pattern }, 'orders'),
        (error: Error) => {
          assert.equal(Reflect.get(error, 'code'), 'InvalidFilter');
          assert.match(error.message, /^The filter of queue orders for attribute tenant is refused: /);
          assert.match(error.message, why);
          return true;
        },
      );
    });
  }
});

it('the longest plain text is not too large', () => {
  assert.equal(matching('SQS', { tenant: 'x'.repeat(1024) }, ['tenant', 'X'.repeat(1024)]), true);
});

describe('time', () => {
  it('a pattern that stops a backtracking engine for ever is answered at once', () => {
    const filter = compileFilter('Kafka', { tenant: '^(a+)+$' }, 'orders');
    const attributes = messageAttributes('Kafka', [['tenant', `${'a'.repeat(256 * 1024)}!`]]);
    const startedAt = performance.now();
    assert.equal(matches(filter, attributes), false);
    assert.ok(performance.now() - startedAt < 2000, 'a quarter of a megabyte takes milliseconds');
  });
});

describe('routes', () => {
  const route = (session: string, startedAt: string, filter: Record<string, string>, ending = false): Route => ({
    session,
    sessionUid: `uid-${session}`,
    filter,
    mode: 'steal',
    destination: { name: session },
    startedAt,
    ending,
  });
  const chosen = (routes: Route[], tenant: string): string | undefined =>
    selectRoute(compileRoutes('SQS', 'orders', routes).routes, messageAttributes('SQS', [['tenant', tenant]]))?.session;

  const first = route('first', '2026-01-01T00:00:00Z', { tenant: '^a' });
  const second = route('second', '2026-01-01T01:00:00+00:30', { tenant: '.' });

  it('the session that started first gets what several match', () => {
    assert.equal(chosen([second, first], 'alice'), 'first');
    assert.equal(chosen([second, first], 'bob'), 'second');
    assert.equal(chosen([first], 'bob'), undefined);
  });

  it('equal times are told apart the same way in any order', () => {
    const twin = route('aaa', first.startedAt, { tenant: '^a' });
    assert.equal(chosen([first, twin], 'alice'), chosen([twin, first], 'alice'));
  });

  it('an ending session gets nothing any more', () => {
    assert.equal(chosen([{ ...first, ending: true }, second], 'alice'), 'second');
  });

  it('a filter that cannot be used is told of its session, which gets nothing; the others go on', () => {
    const broken = { ...first, filter: { tenant: '(' } };
    const { problems } = compileRoutes('SQS', 'orders', [broken, second]);
    assert.deepEqual(
      [...problems].map(([uid, { code }]) => [uid, code]),
      [['uid-first', 'InvalidFilter']],
    );
    assert.equal(chosen([broken, second], 'alice'), 'second');
  });
});
