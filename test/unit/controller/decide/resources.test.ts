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

test('topics get the partitions that their original got, while sessions go on, and again when it did not work', () => {
  const world = new World();
  world.addSession('alice', ['views']);
  const turns = (count: number, until: () => boolean = () => false): boolean => {
    for (let turn = 0; turn < count && !until(); turn += 1) {
      world.reconcile();
      world.forward();
      world.rollout('fresh');
      world.broker.settled = true;
      world.pass(TURN_MS);
    }
    return until();
  };
  assert.ok(turns(60, () => world.sessions.get('alice')?.status?.phase === 'Ready'));
  world.growOriginal();
  assert.equal(world.broker.outgrown.size, 2);
  world.broker.mode = 'denies';
  turns(5);
  assert.equal(world.broker.outgrown.size, 2);
  assert.equal(world.sessions.get('alice')?.status?.phase, 'Ready');
  world.broker.mode = 'works';
  assert.ok(
    turns(90, () => world.broker.outgrown.size === 0),
    world.log.slice(-10).join(' · '),
  );
});
