// A Kafka queue that no member of its group subscribes to is not split: nobody could see or move where it is read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world/world.ts';

const HOUR_MS = 3_600_000;

function turns(world: World, count: number): void {
  for (let turn = 0; turn < count; turn += 1) {
    world.reconcile();
    world.forward();
    world.rollout('fresh');
    world.broker.settled = true;
    world.pass(1000);
  }
}

test("a session for it fails when pods have had time to join, whatever the API server's clock says, and nothing was made", () => {
  for (const apiAheadMs of [0, HOUR_MS, -HOUR_MS]) {
    const world = new World();
    world.apiAheadMs = apiAheadMs;
    world.broker.subscribed = false;
    world.addSession('alice', ['views']);
    turns(world, 20);
    assert.notEqual(world.sessions.get('alice')?.status?.phase, 'Failed');
    assert.equal(world.split, undefined);
    turns(world, 20);
    const { status } = world.sessions.get('alice') ?? {};
    assert.deepEqual([status?.phase, status?.reason], ['Failed', 'GroupUnsupported']);
    assert.match(status?.message ?? '', /group workers that subscribes to topic views/);
    assert.equal(world.split, undefined);
  }
});

test('one whose pods join late becomes Ready, and stays so while they read the fallback only', () => {
  const world = new World();
  world.broker.subscribed = false;
  world.addSession('alice', ['views']);
  turns(world, 10);
  world.broker.subscribed = true;
  turns(world, 5);
  world.broker.subscribed = false;
  turns(world, 60);
  assert.equal(world.sessions.get('alice')?.status?.phase, 'Ready');
});

test('it fails no other session of the target', () => {
  const world = new World();
  world.broker.subscribed = false;
  world.addSession('alice', ['views']);
  world.addSession('bob', ['orders']);
  turns(world, 60);
  assert.equal(world.sessions.get('alice')?.status?.phase, 'Failed');
  assert.equal(world.sessions.get('bob')?.status?.phase, 'Ready');
});

test('a target without pods has nobody who could subscribe', () => {
  const world = new World();
  world.broker.subscribed = false;
  world.target.replicas = 0;
  turns(world, 5);
  world.addSession('alice', ['views']);
  turns(world, 60);
  assert.equal(world.sessions.get('alice')?.status?.phase, 'Ready');
});
