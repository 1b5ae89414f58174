// What a refusal leaves in the ledger goes at once, however long the thing that was refused may not be tried again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUEUE_IDS } from './world/catalog.ts';
import { World } from './world/world.ts';

/** Seconds of the model, and far below the minute for which a refusal is not tried again. */
const TURN_MS = 1_000;
const TURNS = 15;

test('the split of a refused session goes when the session is gone', () => {
  const world = new World();
  const [id] = QUEUE_IDS;
  assert.ok(id);
  world.claimElsewhere(id);
  world.addSession('alice', [id]);
  const turns = (until: () => boolean): void => {
    for (let count = 0; count < TURNS && !until(); count += 1) {
      world.reconcile();
      world.forward();
      world.pass(TURN_MS);
    }
    assert.ok(until(), world.log.slice(-10).join(' · '));
  };
  turns(() => world.sessions.get('alice')?.status?.reason === 'OriginalClaimed');
  world.deleteSession('alice');
  turns(() => world.split === undefined && world.sessions.size === 0);
});
