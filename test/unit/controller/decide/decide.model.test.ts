// Model-based test of the whole life cycle: random events, the controller killed between any two actions, the promises checked after each step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { World } from './world.ts';

type Step = (world: World) => void;

const NAMES = ['alice', 'bob', 'carol'];

const step: fc.Arbitrary<{ label: string; run: Step }> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(...NAMES)
      .map((name) => ({ label: `${name} comes`, run: (world: World) => world.addSession(name, true) })),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(...NAMES)
      .map((name) => ({ label: `${name} goes`, run: (world: World) => world.deleteSession(name) })),
  },
  { weight: 4, arbitrary: fc.constant({ label: 'produce', run: (world: World) => world.produce() }) },
  { weight: 4, arbitrary: fc.constant({ label: 'consume', run: (world: World) => world.consume() }) },
  { weight: 6, arbitrary: fc.constant({ label: 'forward', run: (world: World) => world.forward() }) },
  { weight: 6, arbitrary: fc.constant({ label: 'rollout', run: (world: World) => world.rollout() }) },
  {
    weight: 2,
    arbitrary: fc.constant({
      label: 'scale up',
      run: (world: World) => (world.pods.length < 5 ? world.addPod() : undefined),
    }),
  },
  {
    weight: 3,
    arbitrary: fc
      .integer({ min: 100, max: 20_000 })
      .map((ms) => ({ label: `${ms} ms pass`, run: (world: World) => world.pass(ms) })),
  },
  { weight: 12, arbitrary: fc.constant({ label: 'reconcile', run: (world: World) => void world.reconcile() }) },
  {
    weight: 4,
    arbitrary: fc.integer({ min: 0, max: 1 }).map((count) => ({
      label: `reconcile, killed after ${count} actions`,
      run: (world: World) => void world.reconcile(count),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...NAMES).map((name) => ({
      label: `${name} stops beating`,
      run: (world: World) => void world.reconcile(undefined, new Set([name])),
    })),
  },
);

/** Fair steps until nothing happens any more; the bound is far above what any run needs. */
function calmDown(world: World): void {
  for (const name of NAMES) world.deleteSession(name);
  for (let turn = 0; turn < 2000; turn += 1) {
    world.reconcile();
    world.forward();
    world.rollout();
    world.consume();
    world.pass(1000);
    if (
      world.split === undefined &&
      world.sessions.size === 0 &&
      world.pods.every((pod) => !pod.terminating) &&
      !world.reconcile()
    )
      return;
  }
  assert.fail(
    `it never calms down; last actions: ${world.log.slice(-12).join(' · ')}; phase ${world.split?.spec.phase}`,
  );
}

/** Random steps alone seldom get far: most runs begin with a split that forwards, with messages everywhere. */
function begin(world: World, running: boolean): void {
  if (!running) return;
  world.addSession('alice', true);
  for (let turn = 0; turn < 40; turn += 1) {
    world.reconcile();
    world.forward();
    world.rollout();
    world.pass(200);
    world.produce();
  }
  assert.equal(world.sessions.get('alice')?.status?.phase, 'Ready');
}

test('whatever happens, nothing is lost, no stranger reads, and all is put back', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 5, maxLength: 80 }),
      fc.constantFrom(0, 5, 30),
      fc.boolean(),
      (steps, ttlSeconds, running) => {
        const world = new World();
        world.ttlSeconds = ttlSeconds;
        begin(world, running);
        for (const { run } of steps) {
          run(world);
          world.assertNothingLost();
        }
        calmDown(world);
        world.assertNothingLost();
        world.assertRestored();
      },
    ),
    { numRuns: Number(process.env['QUEUE_SPLITTER_MODEL_RUNS'] ?? '1500') },
  );
});

test('a target deleted at any moment leaves nothing behind', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, running) => {
      const world = new World();
      begin(world, running);
      for (const { run } of steps) run(world);
      world.deleteTarget();
      calmDown(world);
      world.assertNothingLost();
      world.assertRestored();
    }),
    { numRuns: 500 },
  );
});

test('a session becomes Ready, and a second one without a restart', () => {
  const world = new World(3);
  world.addSession('alice', false);
  const settle = (): void => {
    for (let turn = 0; turn < 60; turn += 1) {
      world.reconcile();
      world.forward();
      world.rollout();
      world.pass(200);
    }
  };
  settle();
  assert.equal(world.sessions.get('alice')?.status?.phase, 'Ready');
  assert.deepEqual(
    world.sessions.get('alice')?.status?.environment?.map(({ variable }) => variable),
    ['ORDERS_QUEUE'],
  );
  const restartedAt = world.templateRestartedAt;
  const pods = world.pods.map(({ uid }) => uid);
  world.addSession('bob', false);
  settle();
  assert.equal(world.sessions.get('bob')?.status?.phase, 'Ready');
  assert.equal(world.templateRestartedAt, restartedAt);
  assert.deepEqual(
    world.pods.map(({ uid }) => uid),
    pods,
  );
});
