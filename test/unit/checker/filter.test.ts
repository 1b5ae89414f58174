import assert from 'node:assert/strict';
import { it } from 'node:test';
import { filterMatches } from '../../checker/filter.ts';
import type { Attribute } from '../../checker/history.ts';

const text = (name: string, value: string): Attribute => ({ name, type: 'String', value });

it('an empty filter matches nothing', () => {
  assert.equal(filterMatches({}, [], 'sqs'), false);
  assert.equal(filterMatches({}, [text('a', 'b')], 'kafka'), false);
});

it('every entry must match', () => {
  const attributes = [text('tenant', 'alice'), text('level', 'high')];
  assert.equal(filterMatches({ tenant: '^alice$', level: 'high' }, attributes, 'sqs'), true);
  assert.equal(filterMatches({ tenant: '^alice$', level: 'low' }, attributes, 'sqs'), false);
  assert.equal(filterMatches({ tenant: '^alice$', missing: '.*' }, attributes, 'sqs'), false);
});

it('an expression is searched', () => {
  assert.equal(filterMatches({ tenant: 'lic' }, [text('tenant', 'alice')], 'kafka'), true);
});

it('SQS compares names and values case-insensitively, Kafka does not', () => {
  const attributes = [text('Tenant', 'ALICE')];
  assert.equal(filterMatches({ tenant: '^alice$' }, attributes, 'sqs'), true);
  assert.equal(filterMatches({ tenant: '^alice$' }, attributes, 'kafka'), false);
  assert.equal(filterMatches({ Tenant: '^alice$' }, attributes, 'kafka'), false);
  assert.equal(filterMatches({ Tenant: '^ALICE$' }, attributes, 'kafka'), true);
});

it('any value of a repeated Kafka header may match', () => {
  assert.equal(filterMatches({ hop: '^web$' }, [text('hop', 'mail'), text('hop', 'web')], 'kafka'), true);
});

it('a binary SQS attribute never matches', () => {
  const binary: Attribute = { name: 'tenant', type: 'Binary', value: 'YWxpY2U=', base64: true };
  assert.equal(filterMatches({ tenant: '.*' }, [binary], 'sqs'), false);
});
