// What may happen to the model's world at any moment, with how often it does.
import fc from 'fast-check';
import { QUEUE_IDS } from './catalog.ts';
import type { World } from './world.ts';

export const NAMES = ['alice', 'bob', 'carol'];

export type Event = { label: string; run: (world: World) => void };

const event = (label: string, run: Event['run']): fc.Arbitrary<Event> => fc.constant({ label, run });

const name = fc.constantFrom(...NAMES);
const id = fc.constantFrom(...QUEUE_IDS);
const via = fc.constantFrom('fresh' as const, 'fresh' as const, 'lagging' as const);

const often: fc.WeightedArbitrary<Event>[] = [
  {
    weight: 12,
    arbitrary: event('reconcile', (world) => void world.reconcile()),
  },
  {
    weight: 5,
    arbitrary: fc.record({ count: fc.integer({ min: 0, max: 1 }), middle: fc.boolean() }).map(({ count, middle }) => ({
      label: `reconcile, killed ${middle ? 'in' : 'before'} action ${count}`,
      run: (world) => void world.reconcile(count, middle),
    })),
  },
  { weight: 6, arbitrary: event('forward', (world) => world.forward()) },
  { weight: 3, arbitrary: event('forward what it saw', (world) => world.forwardBlindly()) },
  {
    weight: 8,
    arbitrary: via.map((server) => ({ label: `rollout via ${server}`, run: (world) => world.rollout(server) })),
  },
  {
    weight: 4,
    arbitrary: id.map((queue) => ({ label: `produce ${queue}`, run: (world) => world.broker.produce(queue) })),
  },
  { weight: 4, arbitrary: event('consume', (world) => world.target.consume()) },
  { weight: 2, arbitrary: event('sessions consume', (world) => world.consumeSessions()) },
  { weight: 2, arbitrary: event('group settles', (world) => void (world.broker.settled = true)) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(100, 1000, 5000, 20_000, 70_000)
      .map((ms) => ({ label: `${ms} ms pass`, run: (world) => world.pass(ms) })),
  },
];

const people: fc.WeightedArbitrary<Event>[] = [
  {
    weight: 4,
    arbitrary: fc
      .tuple(name, fc.subarray(QUEUE_IDS, { minLength: 1 }))
      .map(([who, ids]) => ({ label: `${who} comes for ${ids.join()}`, run: (world) => world.addSession(who, ids) })),
  },
  { weight: 4, arbitrary: name.map((who) => ({ label: `${who} goes`, run: (world) => world.deleteSession(who) })) },
  {
    weight: 1,
    arbitrary: name.map((who) => ({ label: `${who} falls silent`, run: (world) => void world.silent.add(who) })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 4 }).map((count) => ({
      label: `scale to ${count}`,
      run: (world) => void (world.target.replicas = count),
    })),
  },
  {
    weight: 1,
    arbitrary: event('rollout undo', ({ target }) => {
      target.restartedAt = undefined;
      target.version += 1;
    }),
  },
  { weight: 1, arbitrary: event('the split is deleted', (world) => world.deleteSplit()) },
];

const trouble: fc.WeightedArbitrary<Event>[] = [
  { weight: 1, arbitrary: event('the forwarder dies', (world) => world.forwarder.die()) },
  { weight: 2, arbitrary: event('the forwarder is back', (world) => void (world.forwarder.alive = true)) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('works' as const, 'works' as const, 'unreachable' as const, 'denies' as const)
      .map((mode) => ({
        label: `the broker ${mode}`,
        run: (world) => void (world.broker.mode = mode),
      })),
  },
  { weight: 1, arbitrary: event('the webhook configuration is wiped', (world) => world.wipeConfiguration()) },
  {
    weight: 1,
    arbitrary: fc
      .boolean()
      .map((down) => ({ label: `webhook down: ${down}`, run: (world) => void (world.webhookDown = down) })),
  },
  { weight: 1, arbitrary: event('the status vanishes', (world) => world.loseStatus()) },
  {
    weight: 1,
    arbitrary: fc
      .boolean()
      .map((blocked) => ({ label: `blocked: ${blocked}`, run: (world) => void (world.target.blocked = blocked) })),
  },
  {
    weight: 1,
    arbitrary: fc
      .boolean()
      .map((guarded) => ({ label: `PDB: ${guarded}`, run: (world) => void (world.target.guarded = guarded) })),
  },
  {
    weight: 1,
    arbitrary: fc
      .boolean()
      .map((on) => ({ label: `uninstalling: ${on}`, run: (world) => void (world.uninstalling = on) })),
  },
  {
    weight: 1,
    arbitrary: id.map((queue) => ({
      label: `${queue} is split elsewhere`,
      run: (world) => world.claimElsewhere(queue),
    })),
  },
  { weight: 1, arbitrary: event('claims elsewhere end', (world) => world.releaseElsewhere()) },
  {
    weight: 1,
    arbitrary: id.map((queue) => ({
      label: `the application sends to its ${queue}`,
      run: (world) => world.target.produce(queue),
    })),
  },
  { weight: 1, arbitrary: event('a second controller falls asleep', (world) => world.fallAsleep()) },
  { weight: 1, arbitrary: event('it wakes up', (world) => world.wakeUp()) },
];

export const events: fc.Arbitrary<Event> = fc.oneof(...often, ...people, ...trouble);

/** The same without anything that makes work fail: for what must then succeed. */
export const fairEvents: fc.Arbitrary<Event> = fc.oneof(...often, ...people.slice(0, 2));

export const endOfTarget: fc.Arbitrary<Event> = fc.oneof(
  event('the target is deleted', (world) => world.target.delete()),
  event('the target is replaced by one of the same name', ({ target }) => {
    target.delete();
    target.recreate();
  }),
  event('the namespace is deleted', (world) => world.deleteNamespace()),
);
