import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createKubeClient } from '../../../../common/kube/client.ts';
import { LeaderElector } from '../../../../common/kube/leader-election.ts';
import type { Lease } from '../../../../common/kube/lease.ts';
import { waitFor } from '../../../testbed/wait.ts';
import { FakeClock, settled } from '../fake-clock.ts';
import { silentLog } from '../silent-log.ts';
import { FakeApiServer, type SeenRequest, status } from './fake-api-server.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/ops/leases/controller';
const soon = { deadlineMs: 3_000, intervalMs: 2 };

type Replica = {
  elector: LeaderElector;
  events: string[];
  shutdown: AbortController;
  ended: Promise<void>;
  /** Lets the work end; without it the work ends as soon as it is told to. */
  hold: () => () => void;
};

describe('LeaderElector', () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let client: ReturnType<typeof createKubeClient>;
  let replicas: Replica[];
  /** Requests without an answer yet. */
  let pending: number;

  function counted<Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) {
    return async (...args: Args): Promise<Result> => {
      pending += 1;
      try {
        return await call(...args);
      } finally {
        pending -= 1;
      }
    };
  }

  beforeEach(async () => {
    pending = 0;
    server = await new FakeApiServer().start();
    clock = new FakeClock();
    client = createKubeClient({ server: server.url }, { userAgent: 'test/1', clock });
    replicas = [];
  });
  afterEach(async () => {
    for (const { shutdown } of replicas) shutdown.abort();
    await client.close();
    await Promise.all(replicas.map(({ ended }) => ended));
    await server.stop();
  });

  function start(identity: string, work?: (signal: AbortSignal) => Promise<void>): Replica {
    const events: string[] = [];
    const shutdown = new AbortController();
    let held: Promise<void> = Promise.resolve();
    const elector = new LeaderElector({
      client: {
        get: counted(client.get) as typeof client.get,
        create: counted(client.create) as typeof client.create,
        replace: counted(client.replace) as typeof client.replace,
      },
      namespace: 'ops',
      name: 'controller',
      identity,
      log: silentLog(),
      clock,
      random: () => 0,
      onStartedLeading:
        work ??
        (async (signal) => {
          events.push('started');
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
          events.push('told to stop');
          await held;
        }),
      onStoppedLeading: () => events.push('stopped'),
    });
    const ended = elector.run(shutdown.signal).catch((error: Error) => void events.push(`failed: ${error.message}`));
    const hold = () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    };
    const replica = { elector, events, shutdown, ended, hold };
    replicas.push(replica);
    return replica;
  }

  const lease = () => server.object<Lease>(PATH) ?? assert.fail('there is no lease');
  const leads = (replica: Replica) => waitFor('leadership', () => replica.elector.isLeading(), soon);
  const count = (method: string) => server.requests.filter((request) => request.method === method).length;
  const isRenewal = (request: SeenRequest) => request.method === 'PUT';

  /** Moves the clock in small steps, each after the requests of the one before were answered. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      await waitFor('all answers', () => pending === 0, soon);
      await clock.advance(500);
    }
    await waitFor('all answers', () => pending === 0, soon);
    await settled();
  }

  it('makes the lease, leads, and renews it every two seconds', async () => {
    const a = start('a');
    await leads(a);
    assert.equal(lease().spec.holderIdentity, 'a');
    assert.equal(lease().spec.leaseDurationSeconds, 15);
    assert.match(lease().spec.renewTime ?? '', /^2026-01-01T00:00:00\.\d{6}Z$/);
    await pass(10_500);
    assert.equal(count('PUT'), 5);
    assert.equal(a.elector.isLeading(), true);
    assert.deepEqual(a.events, ['started']);
  });

  it('lets others wait while the lease changes, and follow when it has not changed for its duration', async () => {
    const a = start('a');
    await leads(a);
    const b = start('b');
    await pass(30_000);
    assert.deepEqual([a.elector.isLeading(), b.elector.isLeading()], [true, false]);
    for (let renewal = 0; renewal < 100; renewal += 1) {
      void server.failNext(
        (request) => isRenewal(request) && (request.body as Lease).spec.holderIdentity === 'a',
        (response) => status(response, 500, 'InternalError', 'no'),
      );
    }
    await pass(11_000);
    assert.equal(a.elector.isLeading(), false);
    assert.deepEqual(a.events, ['started', 'told to stop', 'stopped']);
    assert.equal(b.elector.isLeading(), false, 'the lease still has to run out');
    await pass(9_000);
    await leads(b);
    assert.equal(lease().spec.leaseTransitions, 1);
  });

  it('does not compare the times in a lease with its own clock', async () => {
    const old = '2020-01-01T00:00:00.000000Z';
    server.put(PATH, { spec: { holderIdentity: 'x', renewTime: old, leaseDurationSeconds: 15 } } as never);
    const a = start('a');
    await pass(14_000);
    assert.equal(a.elector.isLeading(), false);
    await pass(4_000);
    await leads(a);
  });

  it('stops the work at the renew deadline even when a renewal hangs', async () => {
    const a = start('a');
    await leads(a);
    const reached = server.failNext(isRenewal, () => {});
    await waitFor('the pause', () => clock.timers.includes(2_000), soon);
    await clock.advance(2_000);
    await reached;
    await clock.advance(7_999);
    assert.deepEqual(a.events, ['started']);
    await clock.advance(1);
    await waitFor('the end of the work', () => a.events.includes('stopped'), soon);
    assert.equal(a.elector.isLeading(), false);
  });

  it('stops the work at once when somebody else holds the lease', async () => {
    const a = start('a');
    await leads(a);
    server.put(PATH, { spec: { holderIdentity: 'x', leaseDurationSeconds: 15 } } as never);
    await pass(2_000);
    await waitFor('the end of the work', () => a.events.includes('stopped'), soon);
    assert.equal(lease().spec.holderIdentity, 'x');
  });

  it('stops the work at once when the lease was deleted: another replica may make it anew at any moment', async () => {
    const a = start('a');
    await leads(a);
    server.remove(PATH);
    await pass(2_000);
    assert.deepEqual(a.events.slice(0, 3), ['started', 'told to stop', 'stopped']);
  });

  it('goes on when somebody else only touched the lease', async () => {
    const a = start('a');
    await leads(a);
    server.put(PATH, { ...lease(), metadata: { labels: { touched: 'yes' } } });
    await pass(12_000);
    assert.deepEqual(a.events, ['started']);
    assert.equal(lease().metadata.labels?.['touched'], 'yes');
  });

  it('releases the lease at shutdown after the work has stopped, renewing until then', async () => {
    const a = start('a');
    await leads(a);
    const b = start('b');
    const finish = a.hold();
    a.shutdown.abort();
    await waitFor('the word to stop', () => a.events.includes('told to stop'), soon);
    await pass(20_000);
    assert.deepEqual([a.elector.isLeading(), b.elector.isLeading()], [true, false]);
    finish();
    await a.ended;
    await pass(2_500);
    await leads(b);
    assert.deepEqual(a.events, ['started', 'told to stop', 'stopped']);
  });

  it('lets a renewal that is under way end before it releases the lease', async () => {
    const a = start('a');
    await leads(a);
    const answer = Promise.withResolvers<ServerResponse>();
    void server.failNext(isRenewal, answer.resolve);
    await clock.advance(2_000);
    const response = await answer.promise;
    a.shutdown.abort();
    await waitFor('the word to stop', () => a.events.includes('told to stop'), soon);
    await settled();
    assert.equal(count('PUT'), 1);
    status(response, 500, 'InternalError', 'no');
    await a.ended;
    assert.equal(lease().spec.holderIdentity, '');
  });

  it('asks for the lease again after it was lost', async () => {
    const a = start('a');
    await leads(a);
    server.put(PATH, { spec: { holderIdentity: 'x', leaseDurationSeconds: 15 } } as never);
    await pass(2_500);
    await waitFor('the end of the work', () => a.events.includes('stopped'), soon);
    await pass(18_000);
    await leads(a);
    assert.equal(a.events.filter((event) => event === 'started').length, 2);
  });

  it('releases the lease and reports when the work fails', async () => {
    const a = start('a', async () => {
      throw new Error('broken');
    });
    await a.ended;
    assert.deepEqual(a.events, ['stopped', 'failed: broken']);
    assert.equal(lease().spec.holderIdentity, '');
  });
});
