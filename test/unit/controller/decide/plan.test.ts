import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry, WorkloadSplitSpec } from '../../../../api/kinds/workload-split.ts';
import type { Resolution } from '../../../../controller/decide/observed.ts';
import { type Plan, planSession, queuesToTell, sessionEntry, withRoutes } from '../../../../controller/decide/plan.ts';
import { createBench, putSession, putSplit } from '../bench.ts';
import { newSession, resolved } from './world/catalog.ts';
import { World } from './world/world.ts';

const SESSION = newSession('alice', 'alice-uid', ['orders', 'views'], 0);
const RESOLUTION: Resolution = { queues: resolved(SESSION), restartTimeoutSeconds: 90, ttlSeconds: 30 };
const EMPTY = putSplit(createBench().kube).spec;

const plan = (spec: WorkloadSplitSpec, resolution = RESOLUTION, session = SESSION): Plan =>
  planSession(spec, 'split-uid', session, resolution, new World().names);

function planned(spec = EMPTY): WorkloadSplitSpec {
  const outcome = plan(spec);
  return outcome.ok ? outcome.spec : assert.fail(outcome.problem.message);
}

const refused = (spec: WorkloadSplitSpec, change: (resolution: Resolution) => Resolution): string => {
  const outcome = plan(spec, change(structuredClone(RESOLUTION)), putSession(createBench().kube, 'bob'));
  return outcome.ok ? assert.fail('it was planned') : `${outcome.problem.code}: ${outcome.problem.message}`;
};

/** The first queue is another one. */
const withOrders =
  (change: object) =>
  (resolution: Resolution): Resolution => ({
    ...resolution,
    queues: resolution.queues.map((queue, index) => (index === 0 ? { ...queue, ...change } : queue)),
  });

const inState = (spec: WorkloadSplitSpec, state: LedgerEntry['state'], not?: string): WorkloadSplitSpec => ({
  ...spec,
  resources: spec.resources.map((entry) => (entry.name === not ? entry : { ...entry, state })),
});

describe('the plan of a session', () => {
  it('writes down everything before anything is made, each name once', () => {
    const spec = planned();
    assert.deepEqual(
      spec.resources.map(({ kind, role, queue, state }) => `${kind} ${role} ${queue} ${state}`),
      [
        'Claim claim orders Planned',
        'SqsQueue fallback orders Planned',
        'SqsQueue session orders Planned',
        'Claim claim views Planned',
        'KafkaTopic fallback views Planned',
        'KafkaGroup session views Planned',
        'KafkaTopic session views Planned',
      ],
    );
    assert.deepEqual(
      spec.queues.map(({ key, forwarding, routes }) => [key, forwarding, routes]),
      [
        ['orders', 'Hold', []],
        ['views', 'Hold', []],
      ],
    );
  });

  it('is made once, and takes the longest times', () => {
    const spec = planned();
    assert.equal(planned(spec), spec);
    assert.deepEqual([spec.settings.ttlSeconds, spec.settings.restartTimeoutSeconds], [30, 90]);
    const short = { ...RESOLUTION, ttlSeconds: 1, restartTimeoutSeconds: 1 };
    const bob = newSession('bob', 'bob-uid', ['orders'], 0);
    const more = plan(spec, { ...short, queues: resolved(bob) }, bob);
    assert.deepEqual(more.ok && more.spec.settings, spec.settings);
  });

  it('does not take what was retired of an earlier session of its name', () => {
    const spec = inState(planned(), 'Retired');
    assert.equal(sessionEntry(spec, SESSION, 'orders'), undefined);
  });
});

describe('a session that does not fit', () => {
  const running = planned();

  it('because its id names another queue now', () => {
    const moved = { original: { name: 'orders-2', url: 'https://sqs/orders-2' } };
    assert.match(
      refused(running, withOrders(moved)),
      /InvalidConfig: queue id orders now names orders-2, but .* reads orders/,
    );
  });

  it('because a topic of the same name was made anew, or another group reads it', () => {
    const views = (original: object) => (resolution: Resolution) => ({
      ...resolution,
      queues: resolution.queues.map((queue) =>
        queue.id === 'views' ? { ...queue, original: { ...queue.original, ...original } } : queue,
      ),
    });
    assert.match(refused(running, views({ topicId: 'again' })), /InvalidConfig: queue id views now names views/);
    assert.match(refused(running, views({ group: 'others' })), /InvalidConfig: queue id views now names views/);
  });

  it('because another id has its queue', () => {
    assert.match(
      refused(running, withOrders({ key: 'mails', id: 'mails' })),
      /queue ids orders and mails both name orders/,
    );
  });

  it('because a variable has another value than the pods of the split were told', () => {
    const variables = [{ container: 'app', variable: 'ORDERS_QUEUE', format: 'Plain', original: 'new', origin: '' }];
    assert.match(
      refused(running, withOrders({ variables })),
      /variable ORDERS_QUEUE of container app has another value than when the running split/,
    );
  });
});

describe('the routes of a session', () => {
  const created = inState(planned(), 'Created');

  it('appear together, with the destination and the group that the ledger has', () => {
    const spec = withRoutes(created, SESSION, RESOLUTION);
    const places = spec?.queues.map(({ routes }) => routes.map(({ destination }) => destination));
    const nameOf = (kind: string) =>
      created.resources.find((entry) => entry.kind === kind && entry.role === 'session')?.name;
    assert.deepEqual(places, [
      [{ name: nameOf('SqsQueue') }],
      [{ name: nameOf('KafkaTopic'), group: nameOf('KafkaGroup') }],
    ]);
  });

  it('wait for everything that a message may need: its own queues, the fallbacks and the claims', () => {
    for (const { name, kind } of created.resources) {
      if (kind === 'KafkaGroup') continue;
      assert.equal(withRoutes(inState(planned(), 'Created', name), SESSION, RESOLUTION), undefined, name);
    }
  });

  it('make their queues known to the pods, and queues without one are not told', () => {
    assert.deepEqual(queuesToTell(created), []);
    assert.equal(queuesToTell(withRoutes(created, SESSION, RESOLUTION) ?? EMPTY).length, 2);
  });
});
