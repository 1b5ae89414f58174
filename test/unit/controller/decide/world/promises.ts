// The promises of docs/concepts.md and the rules of the ledger, as assertions over the model's world.
import assert from 'node:assert/strict';
import { FINALIZER } from '../../../../../api/constants.ts';
import type { SplitSessionStatus } from '../../../../../api/kinds/split-session.ts';
import type { LedgerEntry, SplitQueue, WorkloadSplitSpec } from '../../../../../api/kinds/workload-split.ts';
import { isProvisional } from '../../../../../controller/decide/spec.ts';
import { QUEUE_IDS } from './catalog.ts';
import type { World } from './world.ts';

const STATES = ['Planned', 'Created', 'Retired'];

/** Every write of a split's spec. */
export function checkSpec(world: World, before: WorkloadSplitSpec, after: WorkloadSplitSpec): void {
  assert.ok(after.revision >= before.revision, 'the revision never goes back');
  checkLedger(world, before, after);
  checkReaders(world, after);
  for (const queue of after.queues) {
    const was = before.queues.find((candidate) => candidate.key === queue.key);
    if (was?.fenced) assert.ok(queue.fenced, 'a fence is for ever');
    if (was?.start) assert.deepEqual(queue.start, was.start, 'start offsets are taken once');
    if (queue.fenced) assert.notEqual(queue.forwarding, 'Forward', 'C3: no way back after the fence');
    if (queue.forwarding === 'Forward' && was?.forwarding !== 'Forward') checkCutOver(world, after, queue, was);
    if (queue.forwarding === 'Return' && was)
      assert.ok(!isProvisional(before, was), 'nothing was ever in that fallback');
  }
  if (after.environment !== before.environment) checkTold(world, after);
  if (after.phase === 'Restoring' && before.phase !== 'Restoring') checkDrained(world, before, after);
  if (!samePlaces(before, after))
    assert.ok(after.revision > before.revision, 'what the forwarder acts on has a new revision');
}

function checkLedger(world: World, before: WorkloadSplitSpec, after: WorkloadSplitSpec): void {
  const names = after.resources.map((entry) => entry.name);
  assert.equal(new Set(names).size, names.length, 'a name stands in the ledger once');
  for (const entry of after.resources) {
    const was = before.resources.find((other) => other.name === entry.name);
    if (was) assert.ok(STATES.indexOf(entry.state) >= STATES.indexOf(was.state), 'a ledger entry never goes back');
    else checkPlanned(world, entry);
    if (entry.state === 'Retired') world.retired.add(entry.name);
  }
  for (const entry of before.resources) {
    if (!names.includes(entry.name)) assert.equal(entry.state, 'Retired', 'retired before it is forgotten');
  }
}

/** Promise 2: who was told of a queue may go on reading it for ever. */
function checkReaders({ readers }: World, { queues }: WorkloadSplitSpec): void {
  for (const { sessionUid, destination } of queues.flatMap(({ routes }) => routes)) {
    const first = readers.get(destination.name) ?? sessionUid;
    assert.equal(sessionUid, first, `${destination.name} gets messages of a second session`);
    readers.set(destination.name, first);
  }
}

/** Whoever deletes a session waits for what is made for it. One that has gone since the decision leaves only its plan behind. */
function checkPlanned(world: World, { name, state, session }: LedgerEntry): void {
  assert.equal(state, 'Planned', `${name}: planned before created`);
  const { metadata } = world.sessions.get(session ?? '') ?? {};
  assert.ok(
    !metadata || metadata.finalizers?.includes(FINALIZER),
    `${name} is planned for a session that nothing holds`,
  );
}

/** Pods look for what they are told at once. */
function checkTold(world: World, { environment }: WorkloadSplitSpec): void {
  for (const { variable, value } of environment)
    assert.ok(
      world.broker.waiting.has(value.split('/').at(-1) ?? ''),
      `${variable} names ${value}, which does not exist`,
    );
}

/** Promise 2. What was forwarded already may go on with pods of the earlier token, which read its fallback, too. */
function checkCutOver(world: World, spec: WorkloadSplitSpec, queue: SplitQueue, was: SplitQueue | undefined): void {
  const { pods } = world.target;
  if (was?.forwarding === 'Hold') {
    const reading = pods.filter((pod) => pod.reads.get(queue.key as never) !== queue.fallback.name);
    assert.deepEqual(reading, [], `promise 2: cut-over of ${queue.key} while a pod does not read the fallback`);
    assert.ok(
      pods.every((pod) => pod.token === spec.token),
      'C1: every pod carries the token',
    );
  }
  assert.ok(
    !isProvisional(
      { ...spec, queues: spec.queues.map((q) => ({ ...q, forwarding: 'Hold' })) },
      { ...queue, forwarding: 'Hold' },
    ),
    'pods were told of what is forwarded',
  );
  if (queue.kind !== 'Kafka') return;
  assert.ok(queue.start, 'C2: start offsets were taken before the restart');
  if (was?.forwarding === 'Hold') assert.ok(world.broker.settled, 'C2: cut-over while the group is not settled');
}

/** Promise 1: pods that go back read the fallback no more. SQS left-overs of the last moment are moved back later. */
function checkDrained(world: World, before: WorkloadSplitSpec, after: WorkloadSplitSpec): void {
  const drainedForMs = world.now - Date.parse(before.phaseSince);
  for (const queue of after.queues) {
    if (queue.forwarding === 'Hold') continue;
    assert.notEqual(queue.forwarding, 'Forward', 'nothing is forwarded any more');
    if (queue.leftOvers !== undefined) {
      assert.equal(queue.leftOvers, world.onKafkaDrainTimeout, 'given up as it was asked for');
      assert.ok(drainedForMs >= (world.lingerSeconds ?? Number.POSITIVE_INFINITY) * 1000, 'given up before the limit');
    } else if (queue.kind === 'Kafka' && !world.isWakingUp)
      assert.equal(world.broker.left(queue.fallback.name), 0, 'C5: not drained');
  }
}

function samePlaces(before: WorkloadSplitSpec, after: WorkloadSplitSpec): boolean {
  const acted = ({ queues }: WorkloadSplitSpec): string =>
    JSON.stringify(queues.map(({ key, forwarding, routes, fenced }) => [key, forwarding, routes, fenced]));
  const told = ({ environment, token }: WorkloadSplitSpec): string => JSON.stringify([environment, token]);
  return (acted(before) === acted(after) || before.queues.length < after.queues.length) && told(before) === told(after);
}

/** Promise 2, at the moment in which a session is told that it is Ready. */
export function checkReady(world: World, name: string, status: SplitSessionStatus): void {
  assert.ok(
    world.target.pods.every((pod) => pod.token !== undefined),
    `${name} is Ready while a pod reads the original`,
  );
  const session = world.sessions.get(name);
  assert.equal(status.queues?.length, session?.spec.queues.length, `${name} is Ready as a whole`);
  assert.equal(status.environment?.length, session?.spec.queues.length, `${name} knows its queues`);
  for (const queue of world.split?.spec.queues ?? []) {
    const route = queue.routes.find((candidate) => candidate.sessionUid === session?.metadata.uid);
    if (!route) continue;
    assert.equal(queue.forwarding, 'Forward', `${name} is Ready while ${queue.key} is not forwarded`);
    assert.ok(!world.isPassingOver(queue.key, route.sessionUid), `${name} is Ready, and the forwarder does not know`);
  }
}

export function assertNothingLost({ broker }: World): void {
  assert.equal(broker.lying + broker.consumed + broker.dropped, broker.produced, 'promise 1: a message is missing');
}

/** Promise 6, after everything has calmed down. */
export function assertRestored(world: World): void {
  const { broker, target } = world;
  assert.equal(world.split, undefined, 'the split is gone');
  assert.deepEqual([...broker.waiting.keys()], QUEUE_IDS, 'no temporary queue');
  assert.deepEqual([...broker.claims.keys()], [...world.foreignClaims], 'no claim of ours');
  assert.equal(target.entry.newest, undefined, 'no webhook entry');
  assert.equal(target.restartedAt, undefined, "the template is the owner's");
  assert.ok(
    target.pods.every((pod) => pod.token === undefined),
    'no patched pod',
  );
  const held = [...world.sessions.values()].filter((session) => session.metadata.deletionTimestamp);
  assert.deepEqual(held, [], 'no session is held back');
}
