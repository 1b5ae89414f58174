// The text is read back by the selector parser of the tests, so that both sides of the contract are exercised.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { selectorText } from '../../../../controller/observe/selector.ts';
import { matchesSelector } from '../label-selector.ts';

it('every operator is written as list requests want it', () => {
  const text = selectorText({
    matchLabels: { app: 'orders-worker', 'shop.example/part': 'queue' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['back', 'middle'] },
      { key: 'stage', operator: 'NotIn', values: ['test'] },
      { key: 'owner', operator: 'Exists' },
      { key: 'canary', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(
    text,
    'app=orders-worker,shop.example/part=queue,tier in (back,middle),stage notin (test),owner,!canary',
  );
  const pod = { app: 'orders-worker', 'shop.example/part': 'queue', tier: 'back', stage: 'live', owner: 'me' };
  assert.equal(matchesSelector(pod, text), true);
  assert.equal(matchesSelector({ ...pod, tier: 'front' }, text), false);
  assert.equal(matchesSelector({ ...pod, stage: 'test' }, text), false);
  assert.equal(matchesSelector({ ...pod, canary: '' }, text), false);
});

it('an empty selector is empty text', () => assert.equal(selectorText({}), ''));
