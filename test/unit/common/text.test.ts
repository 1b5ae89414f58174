import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shorten, shortList } from '../../../common/text.ts';

test('shorten keeps what fits, and marks what is missing within the limit', () => {
  assert.equal(shorten('orders', 6), 'orders');
  assert.equal(shorten('orders', 5), 'orde…');
});

test('shortList names as many as fit and counts the others', () => {
  const names = ['orders', 'views', 'ads', 'mails'];
  assert.equal(shortList(names, 40), 'orders, views, ads, mails');
  assert.equal(shortList(names, 24), 'orders, views, ads (+1)');
  assert.equal(shortList(names, 22), 'orders, views (+2)');
  assert.equal(shortList([], 22), '');
});

test('shortList never hides the first name', () => {
  assert.equal(shortList(['a-long-name', 'b'], 3), 'a-long-name (+1)');
  assert.equal(shortList(['a-long-name'], 3), 'a-long-name');
});
