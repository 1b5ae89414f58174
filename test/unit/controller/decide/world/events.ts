// What may happen to the model's world at any moment, with how often it does.
import { fc } from '../../../../random.ts';
import { QUEUE_IDS } from './catalog.ts';
import type { World } from './world.ts';

export type Event = { label: string; run: (world: World) => void };

const event = (label: string, run: Event['run']): fc.Arbitrary<Event> => fc.constant({ label, run });

/** One of the changes is made to a part of the world. */
function change<Part extends object>(
  part: (world: World) => Part,
  ...choices: readonly Partial<Part>[]
): fc.Arbitrary<Event> {
  return fc.constantFrom(...choices).map((choice) => ({
    label: JSON.stringify(choice),
    run: (world) => {
      Object.assign(part(world), choice);
    },
  }));
}

const name = fc.constantFrom('alice', 'bob', 'carol');
const id = fc.constantFrom(...QUEUE_IDS);
const via = fc.constantFrom('fresh' as const, 'fresh' as const, 'lagging' as const);

/** Random single steps seldom get far: this is what a second or some look like when nobody is in the way. */
function goOn(
  world: World,
  { turns, lagging, messages }: { turns: number; lagging: boolean; messages: boolean },
): void {
  for (let turn = 0; turn < turns; turn += 1) {
    if (messages) for (const queue of QUEUE_IDS) world.broker.produce(queue);
    world.reconcile();
    if (lagging) world.forwardBlindly();
    else world.forward();
    world.rollout(lagging ? 'lagging' : 'fresh');
    world.pass(300);
  }
}

const often: fc.WeightedArbitrary<Event>[] = [
  { weight: 12, arbitrary: event('reconcile', (world) => world.reconcile()) },
  {
    weight: 5,
    arbitrary: fc.record({ count: fc.integer({ min: 0, max: 1 }), middle: fc.boolean() }).map(({ count, middle }) => ({
      label: `reconcile, killed ${middle ? 'in' : 'before'} action ${count}`,
      run: (world) => world.reconcile(count, middle),
    })),
  },
  {
    weight: 5,
    arbitrary: fc
      .record({ turns: fc.integer({ min: 2, max: 12 }), lagging: fc.boolean(), messages: fc.boolean() })
      .map((how) => ({ label: JSON.stringify(how), run: (world) => goOn(world, how) })),
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
  { weight: 2, arbitrary: change((world) => world.broker, { settled: true }) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(100, 1000, 5000, 20_000, 70_000)
      .map((ms) => ({ label: `${ms} ms pass`, run: (world) => world.pass(ms) })),
  },
];

const sessions: fc.WeightedArbitrary<Event>[] = [
  {
    weight: 4,
    arbitrary: fc
      .tuple(name, fc.subarray(QUEUE_IDS, { minLength: 1 }))
      .map(([who, ids]) => ({ label: `${who} comes for ${ids.join()}`, run: (world) => world.addSession(who, ids) })),
  },
  { weight: 4, arbitrary: name.map((who) => ({ label: `${who} goes`, run: (world) => world.deleteSession(who) })) },
];

const tears: fc.WeightedArbitrary<Event> = {
  weight: 1,
  arbitrary: name.map((who) => ({ label: `${who} is torn away`, run: (world) => world.tearSession(who) })),
};

const people: fc.WeightedArbitrary<Event>[] = [
  {
    weight: 1,
    arbitrary: name.map((who) => ({ label: `${who} falls silent`, run: (world) => void world.silent.add(who) })),
  },
  {
    weight: 1,
    arbitrary: change(({ target }) => target, { replicas: 0 }, { replicas: 1 }, { replicas: 2 }, { replicas: 4 }),
  },
  { weight: 1, arbitrary: event('the topic gets more partitions', (world) => world.growOriginal()) },
  { weight: 1, arbitrary: event('rollout undo', (world) => world.target.annotate(undefined)) },
  { weight: 1, arbitrary: event('the split is deleted', (world) => world.deleteSplit()) },
  { weight: 1, arbitrary: change((world) => world, { uninstalling: true }, { uninstalling: false }) },
  {
    weight: 1,
    arbitrary: id.map((queue) => ({
      label: `the application sends to its ${queue}`,
      run: (world) => world.target.produce(queue),
    })),
  },
];

const trouble: fc.WeightedArbitrary<Event>[] = [
  { weight: 1, arbitrary: event('the forwarder dies', (world) => world.forwarder.die()) },
  { weight: 2, arbitrary: change(({ forwarder }) => forwarder, { alive: true }) },
  { weight: 2, arbitrary: event('the forwarder is cut off', (world) => world.cutOffForwarder()) },
  { weight: 3, arbitrary: event('the one that is cut off acts', (world) => void world.exile?.work()) },
  { weight: 1, arbitrary: event('its exile ends', (world) => world.endExile()) },
  {
    weight: 2,
    arbitrary: change(
      (world) => world.broker,
      { mode: 'works' },
      { mode: 'falters' },
      { mode: 'unreachable' },
      { mode: 'denies' },
    ),
  },
  { weight: 1, arbitrary: change((world) => world, { webhookDown: true }, { webhookDown: false }) },
  { weight: 1, arbitrary: change((world) => world, { webhookFull: true }, { webhookFull: false }) },
  { weight: 1, arbitrary: change(({ target }) => target, { blocked: true }, { blocked: false }) },
  { weight: 1, arbitrary: change(({ target }) => target, { guarded: true }, { guarded: false }) },
  { weight: 1, arbitrary: event('the webhook configuration is wiped', (world) => world.wipeConfiguration()) },
  { weight: 1, arbitrary: event('the status vanishes', (world) => world.loseStatus()) },
  {
    weight: 1,
    arbitrary: id.map((queue) => ({
      label: `${queue} is split elsewhere`,
      run: (world) => world.claimElsewhere(queue),
    })),
  },
  { weight: 1, arbitrary: event('claims elsewhere end', (world) => world.releaseElsewhere()) },
  { weight: 1, arbitrary: event('a second controller falls asleep', (world) => world.fallAsleep()) },
  { weight: 1, arbitrary: event('it wakes up', (world) => world.wakeUp()) },
];

export const events: fc.Arbitrary<Event> = fc.oneof(...often, ...sessions, ...people, ...trouble, tears);

/** Nothing that makes anything fail. */
export const fairEvents: fc.Arbitrary<Event> = fc.oneof(...often, ...sessions);

export const endOfTarget: fc.Arbitrary<Event> = fc.oneof(
  event('the target is deleted', (world) => world.target.delete()),
  event('the target is replaced by one of the same name', ({ target }) => {
    target.delete();
    target.recreate();
  }),
  event('its container gets another name', ({ target }) => target.rename()),
  event('the namespace is deleted', (world) => world.deleteNamespace()),
);
