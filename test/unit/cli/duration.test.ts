import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDuration } from '../../../cli/duration.ts';

test('durations as people write them', () => {
  const cases: [string, number | undefined][] = [
    ['5m', 300_000],
    ['90', 90_000],
    ['1m30s', 90_000],
    ['250ms', 250],
    ['2h', 7_200_000],
    ['5', 5000],
    ['', undefined],
    ['five', undefined],
    ['-5s', undefined],
    ['5d', undefined],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test('durations as people read them', () => {
  const cases: [number, string][] = [
    [-1, '0 ms'],
    [850, '850 ms'],
    [4249, '4.2 s'],
    [60_000, '1m0s'],
    [200_000, '3m20s'],
    [7_500_000, '2h5m'],
    [3 * 86_400_000, '3d0h'],
  ];
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text);
});
