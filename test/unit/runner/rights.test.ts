import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neverUsed, readRights, writeRights } from '../../runner/rights.ts';
import { openRun } from '../../testbed/runs.ts';

test('a right is unused when no stage that grants it needed it', () => {
  const sqs = { granted: ['get a', 'get b'], unused: ['get b'] };
  const kafka = { granted: ['get a', 'get b', 'get c'], unused: ['get a', 'get c'] };
  assert.deepEqual(neverUsed([sqs, kafka]), ['get c']);
  assert.deepEqual(neverUsed([]), []);
});

test('what stages wrote is read again', async () => {
  const run = openRun();
  try {
    assert.deepEqual(await readRights(`${run.directory}/none`), []);
    await writeRights(`${run.directory}/rights`, 'one', { granted: ['get a'], unused: [] });
    assert.deepEqual(await readRights(`${run.directory}/rights`), [{ granted: ['get a'], unused: [] }]);
  } finally {
    await run.destroy();
  }
});
