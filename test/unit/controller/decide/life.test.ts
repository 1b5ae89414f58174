// Stories that random events seldom tell: each holds one rule of the life of a split whose absence the model did not notice.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QueueId } from './world/catalog.ts';
import { assertNothingLost, assertRestored } from './world/promises.ts';
import { World } from './world/world.ts';

type Play = {
  world: World;
  /** Second by second, until it is so. */
  until: (what: string, isSo: () => boolean, seconds?: number) => void;
  seconds: (count: number) => void;
  /** What was done since the last time this was asked. */
  done: () => string[];
};

function setUp(...ids: QueueId[]): Play {
  const world = new World();
  const second = (): void => {
    for (let looks = 0; looks < 20 && world.reconcile(); looks += 1);
    world.forward();
    world.forward();
    world.rollout('fresh');
    world.target.consume();
    world.broker.settled = true;
    assertNothingLost(world);
    world.pass(1000);
  };
  const until: Play['until'] = (what, isSo, limit = 60) => {
    for (let count = 0; count < limit && !isSo(); count += 1) second();
    assert.ok(isSo(), `${what}; ${world.split?.spec.phase}: ${world.log.slice(-12).join(' · ')}`);
  };
  const seconds = (count: number): void => {
    for (let passed = 0; passed < count; passed += 1) second();
  };
  const done = (): string[] => world.log.splice(0);
  if (ids.length > 0) {
    world.addSession('alice', ids);
    until('alice is Ready', () => phaseOf(world, 'alice') === 'Ready');
  }
  done();
  return { world, until, seconds, done };
}

function phaseOf(world: World, name: string): string | undefined {
  return world.sessions.get(name)?.status?.phase;
}

const reasonOf = (world: World, name: string): string | undefined => world.sessions.get(name)?.status?.reason;
const restarts = (actions: readonly string[]): number => actions.filter((action) => action === 'RestartTarget').length;

describe('a session that comes back', () => {
  it('with the name of one that was torn away gets queues of its own, for the other may read on', () => {
    const { world, until } = setUp('orders', 'views');
    const routesOf = () => world.split?.spec.queues.flatMap((queue) => queue.routes) ?? [];
    const places = () => routesOf().flatMap(({ destination: { name, group } }) => [name, group ?? []].flat());
    const readers = new Set(places());
    assert.equal(readers.size, 3, 'two queues and one group');
    world.tearSession('alice');
    world.addSession('alice', ['orders', 'views']);
    until('she is Ready', () => phaseOf(world, 'alice') === 'Ready');
    assert.equal(new Set(places()).size, 3);
    assert.deepEqual(
      places().filter((place) => readers.has(place)),
      [],
    );
    assert.ok(
      [...readers].every((name) => !world.broker.waiting.has(name)),
      'they are gone',
    );
  });

  it('while the target drains needs no restart', () => {
    const { world, until, done } = setUp('orders');
    world.broker.produce('orders');
    world.deleteSession('alice');
    until('it drains', () => world.split?.spec.phase === 'Draining');
    done();
    world.addSession('bob', ['orders']);
    until('bob is Ready', () => phaseOf(world, 'bob') === 'Ready', 5);
    assert.equal(restarts(done()), 0);
  });

  it('for a queue that pods were told of and that was never cut over gets its proof first', () => {
    const { world, until } = setUp('orders');
    world.target.blocked = true;
    world.addSession('bob', ['views']);
    until('bob waits for a restart', () => world.split?.spec.phase === 'Patching');
    world.deleteSession('bob');
    world.deleteSession('alice');
    until('it drains', () => world.split?.spec.phase === 'Draining');
    world.addSession('carol', ['views']);
    until('the restart goes on', () => world.split?.spec.phase === 'Patching', 5);
    world.target.blocked = false;
    until('carol is Ready', () => phaseOf(world, 'carol') === 'Ready');
  });

  it('after a fence waits for the next split', () => {
    const { world, until } = drainedAgain();
    world.addSession('bob', ['views']);
    until('it is put back', () => world.split?.spec.phase === 'Restoring');
    assert.equal(phaseOf(world, 'bob'), 'Pending');
    until('bob is Ready', () => phaseOf(world, 'bob') === 'Ready');
  });

  it('after somebody deleted the split waits for the next one, too', () => {
    const { world, until } = setUp('orders');
    world.deleteSplit();
    world.addSession('bob', ['orders']);
    until('bob is Ready', () => phaseOf(world, 'bob') === 'Ready');
    assert.equal(reasonOf(world, 'alice'), 'SessionLost');
  });
});

/** A forwarder died with an open transaction, whose records come with the fence; and no patched pod is left to read them. */
function drainedAgain(): Play {
  const play = setUp();
  const { world, until } = play;
  world.ttlSeconds = 5;
  world.addSession('alice', ['views']);
  until('alice is Ready', () => phaseOf(world, 'alice') === 'Ready');
  world.deleteSession('alice');
  until('it is kept warm', () => world.split?.spec.phase === 'Warm');
  world.broker.produce('views');
  world.forward();
  world.forwarder.die();
  assert.ok((world.broker.open.get(fallbackOf(world)) ?? 0) > 0, 'a transaction is open');
  until('it drains', () => world.split?.spec.phase === 'Draining');
  world.target.replicas = 0;
  until('no pod is left', () => world.target.pods.length === 0);
  world.forwarder.alive = true;
  until('it drains again', () => world.split?.spec.phase === 'Draining' && world.split.spec.queues[0]?.fenced === true);
  world.target.replicas = 2;
  return play;
}

function fallbackOf({ split }: World): string {
  return split?.spec.queues[0]?.fallback.name ?? '';
}

describe('what the fence brings', () => {
  it('is read before the target goes back, although no pod of it is patched any more', () => {
    const { world, until } = drainedAgain();
    until('all is put back', () => world.split === undefined, 120);
    assertRestored(world);
    assert.equal(world.broker.left('views') + world.broker.consumed, world.broker.produced);
  });
});

describe('a restart', () => {
  it('that does not come fails the sessions that wait for it, with what holds it up, and no others', () => {
    const { world, until } = setUp('orders');
    world.target.blocked = true;
    world.addSession('bob', ['views']);
    until('bob fails', () => phaseOf(world, 'bob') === 'Failed', 90);
    assert.equal(reasonOf(world, 'bob'), 'RestartBlocked');
    assert.equal(phaseOf(world, 'alice'), 'Ready');
  });

  it('that brings pods without the values replaces them', () => {
    const { world, until, done } = setUp();
    world.addSession('alice', ['orders']);
    until('the target restarts', () => world.target.restartedAt !== undefined);
    for (let pods = 0; pods < 4; pods += 1) world.rollout('lagging');
    assert.ok(
      world.target.pods.some((pod) => pod.restartedAt !== undefined && pod.token === undefined),
      'an API server that lags has let one through',
    );
    done();
    until('alice is Ready', () => phaseOf(world, 'alice') === 'Ready', 30);
    assert.ok(done().some((action) => action.startsWith('EvictPod')));
  });
});

describe('what cannot be made', () => {
  it('is not tried again at once, and fails the session after the time that a restart may take', () => {
    const { world, until, seconds, done } = setUp();
    world.broker.mode = 'unreachable';
    world.addSession('alice', ['orders']);
    seconds(30);
    const tries = done().filter((action) => action === 'CreateResources').length;
    assert.ok(tries >= 2 && tries <= 8, `${tries} times in 30 s`);
    until('alice fails', () => phaseOf(world, 'alice') === 'Failed', 60);
    assert.equal(reasonOf(world, 'alice'), 'BrokerUnreachable');
  });
});

describe('the warm time', () => {
  const warm = (): Play => {
    const play = setUp();
    play.world.ttlSeconds = 3600;
    play.world.addSession('alice', ['orders']);
    play.until('alice is Ready', () => phaseOf(play.world, 'alice') === 'Ready');
    play.world.deleteSession('alice');
    play.until('it is kept warm', () => play.world.split?.spec.phase === 'Warm');
    play.seconds(60);
    assert.equal(play.world.split?.spec.phase, 'Warm');
    return play;
  };

  it('ends at once when the chart is uninstalled', () => {
    const { world, until } = warm();
    world.uninstalling = true;
    until('all is put back', () => world.split === undefined);
    assertRestored(world);
  });

  it('ends at once when somebody deletes the split', () => {
    const { world, until } = warm();
    world.deleteSplit();
    until('all is put back', () => world.split === undefined);
    assertRestored(world);
  });
});

it('what nobody reads moves back to the original when the linger time is over', () => {
  const { world, until, seconds } = setUp('orders');
  world.lingerSeconds = 20;
  world.target.replicas = 0;
  until('no pod is left', () => world.target.pods.length === 0);
  for (let count = 0; count < 4; count += 1) world.broker.produce('orders');
  until('all is forwarded', () => world.broker.left('orders') === 0);
  world.deleteSession('alice');
  seconds(15);
  assert.equal(world.split?.spec.phase, 'Draining');
  until('all is put back', () => world.split === undefined);
  assert.equal(world.broker.left('orders'), 4);
});

describe('a target that is not the same any more', () => {
  it('because one of its name took its place ends the sessions of the one before', () => {
    const { world, until } = setUp('orders');
    world.target.delete();
    world.target.recreate();
    until('alice fails', () => phaseOf(world, 'alice') === 'Failed', 5);
    assert.equal(reasonOf(world, 'alice'), 'TargetNotFound');
    world.deleteSession('alice');
    until('all is put back', () => world.split === undefined);
    assertRestored(world);
  });

  it('because it lacks a container that was told of a queue is left alone: what is left goes back', () => {
    const { world, until, seconds, done } = setUp('orders', 'views');
    for (const id of ['orders', 'views']) for (let count = 0; count < 3; count += 1) world.broker.produce(id);
    world.target.rename();
    until('alice fails', () => phaseOf(world, 'alice') === 'Failed', 5);
    assert.match(world.sessions.get('alice')?.status?.message ?? '', /no container/);
    world.deleteSession('alice');
    until('all is put back', () => world.split === undefined);
    const evictions = done().filter((action) => action === 'EvictPod').length;
    assert.ok(evictions <= world.target.replicas, `${evictions} evictions`);
    seconds(10);
    assertRestored(world);
    assertNothingLost(world);
  });

  it('because its namespace is going is neither drained nor restarted, although it is still there', () => {
    const { world, until, done } = setUp('orders');
    world.terminating = true;
    world.deleteSplit();
    world.deleteSession('alice');
    until('all is put back', () => world.split === undefined && world.sessions.size === 0);
    const actions = done();
    assert.equal(restarts(actions), 0);
    assert.ok(actions.includes('WriteSpec (target or namespace is gone)'), actions.join(' · '));
  });
});
