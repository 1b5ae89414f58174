// Model-based test of the whole life cycle: random events, the controller killed between and inside any two actions, and the promises checked
// after each step. QUEUE_SPLITTER_MODEL_RUNS multiplies the number of runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../random.ts';
import { QUEUE_IDS, type QueueId } from './world/catalog.ts';
import { type Event, endOfTarget, events, fairEvents } from './world/events.ts';
import { collect, replaceStrayPods } from './world/garbage.ts';
import { assertNothingLost, assertRestored } from './world/promises.ts';
import { World } from './world/world.ts';

const RUNS = Number(process.env['QUEUE_SPLITTER_MODEL_RUNS'] ?? '1');

/** Far above what any run needs. */
const TURNS = 1500;
/** So many turns without an action mean that nothing is left to do: longer than every pause of the controller. */
const QUIET_TURNS = 40;
const HOUR_MS = 3_600_000;

/** Everything works again. */
function repair(world: World): void {
  world.broker.mode = 'works';
  world.forwarder.alive = true;
  world.endExile();
  world.webhookDown = false;
  world.webhookFull = false;
  world.uninstalling = false;
  world.releaseElsewhere();
  Object.assign(world.target, { blocked: false, guarded: false, replicas: 2 });
  world.wakeUp();
}

/** Two seconds in which everybody does what they can. Whether anything happened. */
function turn(world: World): boolean {
  const { consumed } = world.broker;
  const acted = world.reconcile();
  for (let step = 0; step < 4; step += 1) {
    world.forward();
    world.target.consume();
  }
  world.rollout('fresh');
  world.broker.settled = true;
  replaceStrayPods(world);
  collect(world);
  world.pass(2000);
  return acted || world.broker.consumed > consumed || world.target.facts()?.rolloutComplete === false;
}

function calmDown(world: World, what: string): void {
  repair(world);
  let quiet = 0;
  for (let count = 0; count < TURNS; count += 1) {
    quiet = turn(world) ? 0 : quiet + 1;
    if (quiet === QUIET_TURNS) return;
  }
  assert.fail(`${what}: it never calms down; phase ${world.split?.spec.phase}; ${world.log.slice(-12).join(' · ')}`);
}

function endAll(world: World): void {
  for (const name of world.sessions.keys()) world.deleteSession(name);
  calmDown(world, 'after the last session');
  assertNothingLost(world);
  assertRestored(world);
}

/** Random steps alone seldom get far: most runs begin with a split that forwards, with messages everywhere. */
function begin(ids: readonly QueueId[]): World {
  const world = new World();
  if (ids.length === 0) return world;
  world.addSession('alice', ids);
  for (let count = 0; count < 40; count += 1) {
    for (const id of ids) if (count % 8 === 0) world.broker.produce(id);
    turn(world);
  }
  assert.equal(world.sessions.get('alice')?.status?.phase, 'Ready', world.log.join(' · '));
  return world;
}

function play(world: World, story: readonly Event[]): void {
  for (const { label, run } of story) {
    world.log.push(`[${label}]`);
    run(world);
    assertNothingLost(world);
  }
}

/** A failure is told as a story. */
function told(world: World, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${world.log.join('\n')}`, { cause: error });
  }
}

const start = fc.subarray(QUEUE_IDS);
const story = (steps: fc.Arbitrary<Event>, maxLength: number): fc.Arbitrary<Event[]> =>
  fc.array(steps, { minLength: 5, maxLength, size: 'max' });

test('whatever happens, nothing is lost, no stranger reads, and all is put back', () => {
  fc.assert(
    fc.property(
      story(events, 80),
      start,
      fc.constantFrom(0, 5, 30),
      fc.constantFrom(undefined, 0, 10),
      fc.constantFrom('Keep' as const, 'Rewind' as const, 'Drop' as const),
      (steps, ids, ttlSeconds, lingerSeconds, onKafkaDrainTimeout) => {
        const world = begin(ids);
        Object.assign(world, { ttlSeconds, lingerSeconds, onKafkaDrainTimeout });
        told(world, () => {
          play(world, steps);
          endAll(world);
        });
      },
    ),
    { numRuns: 1000 * RUNS },
  );
});

test('a target, or its namespace, that ends at any moment leaves nothing behind', () => {
  fc.assert(
    fc.property(
      story(events, 60),
      start,
      endOfTarget,
      story(events, 20),
      fc.boolean(),
      (before, ids, end, after, isHasty) => {
        const world = begin(ids);
        if (isHasty) world.deadlineSeconds = 5;
        told(world, () => {
          play(world, [...before, end, ...after]);
          endAll(world);
        });
      },
    ),
    { numRuns: 300 * RUNS },
  );
});

test('when everything works again, every session that has not failed becomes Ready, and the next one, too', () => {
  fc.assert(
    fc.property(story(events, 60), start, (steps, ids) => {
      const world = begin(ids);
      told(world, () => {
        play(world, steps);
        world.silent.clear();
        calmDown(world, 'with sessions');
        assertServed(world);
        world.addSession('dave', QUEUE_IDS);
        calmDown(world, 'with one more');
        assertServed(world);
        const { phase, message } = world.sessions.get('dave')?.status ?? {};
        assert.notEqual(phase, 'Failed', `nothing stands in the way of dave: ${message}`);
      });
    }),
    { numRuns: 300 * RUNS },
  );
});

test('while nothing fails, no session does', () => {
  fc.assert(
    fc.property(story(fairEvents, 60), (steps) => {
      const world = new World();
      world.addSession('alice', ['orders']);
      told(world, () => {
        calmDown(world, 'at first');
        play(world, steps);
        calmDown(world, 'with sessions');
        assertServed(world);
      });
    }),
    { numRuns: 200 * RUNS },
  );
});

function assertServed(world: World): void {
  for (const { metadata, status } of world.sessions.values()) {
    if (metadata.deletionTimestamp || status?.phase === 'Failed') continue;
    assert.equal(status?.phase, 'Ready', `${metadata.name} waits for ever: ${status?.phase}: ${status?.message}`);
  }
}

test('a second session for the same queue needs no restart, one for another queue needs one', () => {
  const world = begin(['orders']);
  const { restartedAt } = world.target;
  const pods = world.target.pods.map(({ uid }) => uid);
  world.addSession('bob', ['orders']);
  calmDown(world, 'bob');
  assert.equal(world.sessions.get('bob')?.status?.phase, 'Ready');
  assert.equal(world.target.restartedAt, restartedAt);
  assert.deepEqual(
    world.target.pods.map(({ uid }) => uid),
    pods,
  );
  world.addSession('carol', ['views']);
  calmDown(world, 'carol');
  assert.equal(world.sessions.get('carol')?.status?.phase, 'Ready');
  assert.notEqual(world.target.restartedAt, restartedAt);
  endAll(world);
});

test('when there is no room for another webhook entry, the newest session fails at once with that reason, and nothing is left of it', () => {
  for (const isUnderWay of [false, true]) {
    const world = new World();
    world.webhookFull = !isUnderWay;
    world.addSession('alice', ['orders']);
    for (let count = 0; count < 40 && world.split?.spec.phase !== 'Patching' && isUnderWay; count += 1)
      world.reconcile();
    world.webhookFull = true;
    for (let count = 0; count < 10; count += 1) turn(world);
    assert.equal(world.sessions.get('alice')?.status?.reason, 'TooManySplits');
    endAll(world);
  }
});

test("a broker that stays away holds no namespace for longer than the deadline, by the controller's clock, and nothing is lost", () => {
  for (const [id, apiAheadMs] of QUEUE_IDS.flatMap((id) => [0, HOUR_MS, -HOUR_MS].map((ms) => [id, ms] as const))) {
    const world = begin([id]);
    world.apiAheadMs = apiAheadMs;
    world.deadlineSeconds = 60;
    world.broker.produce(id);
    world.forward();
    world.broker.mode = 'unreachable';
    world.forwarder.alive = false;
    world.deleteNamespace();
    for (let count = 0; count < 25; count += 1) turn(world);
    assert.ok(world.split, 'until then it waits');
    for (let count = 0; count < 10; count += 1) turn(world);
    assert.equal(world.split, undefined);
    assert.deepEqual([...world.sessions.values()], []);
    assertNothingLost(world);
    endAll(world);
  }
});
