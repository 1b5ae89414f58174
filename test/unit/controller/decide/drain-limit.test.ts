// A target that does not read its fallback, and a drain with a limit: what is left is kept, read again from the original, or dropped, as it
// was asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../../../controller/decide/observed.ts';
import type { QueueId } from './world/catalog.ts';
import { assertNothingLost } from './world/promises.ts';
import { World } from './world/world.ts';

const LIMIT_SECONDS = 30;
const KAFKA: QueueId = 'views';
const SQS: QueueId = 'orders';

function turns(world: World, count: number, until: () => boolean = () => false): boolean {
  for (let turn = 0; turn < count && !until(); turn += 1) {
    world.reconcile();
    world.forward();
    world.rollout('fresh');
    world.broker.settled = true;
    world.pass(1000);
    assertNothingLost(world);
  }
  return until();
}

/** Alice has left, and seven messages of each queue lie unread before pods that are there and do not read. */
function stuck(ids: readonly QueueId[], onKafkaDrainTimeout: Settings['onKafkaDrainTimeout']): World {
  const world = new World();
  Object.assign(world, { lingerSeconds: LIMIT_SECONDS, onKafkaDrainTimeout });
  world.addSession('alice', ids);
  assert.ok(
    turns(world, 60, () => world.sessions.get('alice')?.status?.phase === 'Ready'),
    world.log.join(' · '),
  );
  world.deleteSession('alice');
  turns(world, 3);
  const unread = ids.flatMap((id) => world.split?.spec.queues.find(({ key }) => key === id)?.fallback.name ?? []);
  for (const fallback of unread) for (let message = 0; message < 7; message += 1) world.broker.produce(fallback);
  assert.ok(turns(world, 20, () => world.split?.spec.phase === 'Draining'));
  return world;
}

test('keep waits on behind the limit', () => {
  const world = stuck([KAFKA], 'Keep');
  turns(world, LIMIT_SECONDS * 3);
  assert.equal(world.split?.spec.phase, 'Draining');
  assert.equal(world.broker.waiting.get(world.split.spec.queues[0]?.fallback.name ?? ''), 7);
});

test('rewind brings what is left back in front of the group, behind the fence and not before the limit', () => {
  const world = stuck([KAFKA], 'Rewind');
  turns(world, LIMIT_SECONDS - 10);
  assert.equal(world.split?.spec.phase, 'Draining');
  assert.ok(
    turns(world, 60, () => world.split === undefined),
    world.log.join(' · '),
  );
  assert.equal(world.broker.waiting.get(KAFKA), 7);
  const steps = world.log.filter((entry) => /Fence|Rewind|RemoveRestart/.test(entry));
  assert.deepEqual(steps, ['FenceProducers', 'RewindGroups', 'RemoveRestartAnnotation']);
});

test('what the application sends to its fallback after the rewind, to the end of its last patched pod, lies in the original then', () => {
  const world = stuck([KAFKA], 'Rewind');
  const isRewound = () => world.split?.spec.queues[0]?.rewound === true;
  assert.ok(turns(world, LIMIT_SECONDS * 2, isRewound), world.log.join(' · '));
  world.target.produce(KAFKA);
  assert.ok(
    turns(world, 60, () => world.split === undefined),
    world.log.join(' · '),
  );
  assert.equal((world.broker.waiting.get(KAFKA) ?? 0) + world.broker.consumed, 8);
  const steps = world.log.filter((entry) => /Rewind|RemoveRestart|ReturnOwn/.test(entry));
  assert.deepEqual(steps, ['RewindGroups', 'RemoveRestartAnnotation', 'ReturnOwnRecords']);
});

test('drop deletes what is left, and nothing else', () => {
  const world = stuck([KAFKA], 'Drop');
  assert.ok(
    turns(world, 120, () => world.split === undefined),
    world.log.join(' · '),
  );
  assert.equal(world.broker.dropped, 7);
});

test('a Kafka queue is given up only when nothing else has to be waited for, so that a session may still come', () => {
  const world = stuck([SQS, KAFKA], 'Rewind');
  const isReturning = () => world.split?.spec.queues.some(({ forwarding }) => forwarding === 'Return') === true;
  assert.ok(turns(world, LIMIT_SECONDS * 2, isReturning));
  turns(world, 4);
  assert.equal(world.split?.spec.phase, 'Draining', 'its SQS queue still moves back');
  assert.ok(world.split.spec.queues.every(({ leftOvers }) => leftOvers === undefined));
  assert.ok(
    turns(world, 120, () => world.split === undefined),
    world.log.join(' · '),
  );
  assert.deepEqual([world.broker.waiting.get(SQS), world.broker.waiting.get(KAFKA)], [7, 7]);
});
