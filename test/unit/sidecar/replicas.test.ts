// Signs of life: renewal, judging others by change, what an API server that is away may and may not lead to.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../common/errors.ts';
import type { Lease } from '../../../common/kube/lease.ts';
import type { Change } from '../../../common/kube/reflector.ts';
import { Replicas } from '../../../sidecar/replicas.ts';
import { FakeClock, settled } from '../common/fake-clock.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const AWAY = new SplitterError('ApiUnreachable', 'away', { retryable: true });
const REFUSED = new SplitterError('PermissionDenied', 'no', { details: { status: 403 } });
const NOT_FOUND = new SplitterError('ApiRejected', 'none', { details: { status: 404, reason: 'NotFound' } });

const FAIL_STATIC_MS = 3_600_000;

function setUp() {
  const clock = new FakeClock();
  const stored = new Map<string, Lease>();
  const callbacks = new Set<(change: Change<Lease>) => void>();
  const server = { failure: undefined as SplitterError | undefined, isWatching: true };
  const show = (name: string, lease: Lease | undefined) => {
    const before = stored.get(name);
    if (lease === undefined) stored.delete(name);
    else stored.set(name, lease);
    if (!server.isWatching) return;
    for (const callback of callbacks) callback({ key: `operator/${name}`, before, after: lease });
  };
  const touch = (name: string) =>
    show(name, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: 'operator', uid: name },
      spec: { holderIdentity: name, leaseDurationSeconds: 15, renewTime: String(clock.monotonic()) },
    });
  const write = async <T>(name: string, mustExist: boolean): Promise<T> => {
    if (server.failure !== undefined) throw server.failure;
    if (mustExist && !stored.has(name)) throw NOT_FOUND;
    touch(name);
    return stored.get(name) as unknown as T;
  };
  const created: Lease[] = [];
  const replicas = new Replicas({
    client: {
      mergePatch: (_resource, { name }) => write(name, true),
      create: (_resource, lease) => {
        created.push(lease as unknown as Lease);
        return write(lease.metadata.name, false);
      },
      delete: async (_resource, { name }) => {
        show(name, undefined);
        return true;
      },
    },
    leases: {
      list: () => [...stored.values()],
      onChange: (callback) => {
        callbacks.add(callback);
        return () => callbacks.delete(callback);
      },
      synced: true,
    },
    namespace: 'operator',
    me: 'me',
    podUid: 'pod-uid',
    failStaticMs: FAIL_STATIC_MS,
    clock,
    log,
  });
  const stop = new AbortController();
  const run = () => {
    void replicas.run(stop.signal);
    return settled();
  };
  return { clock, server, touch, show, replicas, run, stored, created };
}

describe('Replicas', () => {
  it('makes its lease, owned by the pod and labelled, and renews it', async () => {
    const { clock, created, stored, run } = setUp();
    await run();
    assert.equal(created[0]?.metadata.ownerReferences?.[0]?.uid, 'pod-uid');
    assert.deepEqual(created[0]?.metadata.labels, { 'queuesplitter.dev/forwarder': 'true' });
    const first = stored.get('me')?.spec.renewTime;
    await clock.advance(5_000);
    assert.notEqual(stored.get('me')?.spec.renewTime, first);
    assert.equal(created.length, 1);
  });

  it('counts another as alive while its lease changes, and as dead 15 s after the last change', async () => {
    const { clock, touch, replicas, run } = setUp();
    await run();
    touch('other');
    assert.deepEqual(replicas.alive(), new Set(['me', 'other']));
    await clock.advance(14_900);
    assert.deepEqual(replicas.alive(), new Set(['me', 'other']));
    await clock.advance(200);
    assert.deepEqual(replicas.alive(), new Set(['me']));
  });

  it('counts a replica that went away properly as gone at once, and says so', async () => {
    const { touch, show, replicas, run } = setUp();
    await run();
    touch('other');
    let told = 0;
    replicas.onChange(() => {
      told += 1;
    });
    show('other', undefined);
    assert.equal(told, 1);
    assert.deepEqual(replicas.alive(), new Set(['me']));
  });

  it('declares nobody dead while it does not see its own changes, and gives everybody the full time afterwards', async () => {
    const { clock, server, touch, replicas, run } = setUp();
    await run();
    touch('other');
    server.isWatching = false;
    await clock.advance(60_000);
    assert.equal(replicas.alive(), undefined);
    server.isWatching = true;
    await clock.advance(5_000);
    assert.deepEqual(replicas.alive(), new Set(['me', 'other']));
    await clock.advance(15_000);
    assert.deepEqual(replicas.alive(), new Set(['me']));
  });

  it('says at once when it can judge, so that nothing waits for the next renewal', async () => {
    const { replicas, run } = setUp();
    const told: boolean[] = [];
    replicas.onChange(() => told.push(replicas.alive() !== undefined));
    assert.equal(replicas.alive(), undefined);
    await run();
    assert.equal(told[0], true);
  });

  it('may act while its lease is fresh, and while the API server is away', async () => {
    const { clock, server, replicas, run } = setUp();
    assert.equal(replicas.mayAct(), false, 'before it was ever renewed');
    await run();
    assert.equal(replicas.mayAct(), true);
    server.failure = AWAY;
    await clock.advance(600_000);
    assert.equal(replicas.mayAct(), true);
  });

  it('may not act without an API server for ever: others reckon with its silence', async () => {
    const { clock, server, replicas, run } = setUp();
    await run();
    server.failure = AWAY;
    await clock.advance(FAIL_STATIC_MS - 1_000);
    assert.equal(replicas.mayAct(), true);
    await clock.advance(1_000);
    assert.equal(replicas.mayAct(), false);
    server.failure = undefined;
    await clock.advance(5_000);
    assert.equal(replicas.mayAct(), true);
  });

  it('begins a new term when its lease had run out, and not before', async () => {
    const { clock, server, replicas, run } = setUp();
    await run();
    server.failure = AWAY;
    await clock.advance(9_000);
    server.failure = undefined;
    await clock.advance(5_000);
    assert.equal(replicas.term, 0);
    server.failure = AWAY;
    await clock.advance(20_000);
    server.failure = undefined;
    await clock.advance(5_000);
    assert.equal(replicas.term, 1);
  });

  it('reckons with a silent replica until its own bound has stopped it, or its lease is gone', async () => {
    const { clock, touch, show, replicas, run } = setUp();
    await run();
    touch('other');
    await clock.advance(1);
    touch('other');
    assert.equal(replicas.othersMayWrite(), undefined);
    await clock.advance(15_000);
    assert.match(replicas.othersMayWrite() ?? '', /forwarder other .*kubectl -n operator delete lease other/);
    await clock.advance(FAIL_STATIC_MS);
    assert.notEqual(replicas.othersMayWrite(), undefined, 'what it had sent may still be under way');
    await clock.advance(60_000);
    assert.equal(replicas.othersMayWrite(), undefined);
    touch('other');
    await clock.advance(15_000);
    assert.notEqual(replicas.othersMayWrite(), undefined);
    show('other', undefined);
    assert.equal(replicas.othersMayWrite(), undefined);
  });

  it('does not take a replica to be alive that was silent before it began to look, or while it could not', async () => {
    const { clock, server, touch, replicas, run } = setUp();
    touch('other');
    await run();
    assert.match(replicas.othersMayWrite() ?? '', /not known yet whether forwarder other/);
    await clock.advance(15_000);
    assert.match(replicas.othersMayWrite() ?? '', /forwarder other was not seen to go/);
    server.isWatching = false;
    await clock.advance(60_000);
    server.isWatching = true;
    await clock.advance(5_000);
    assert.match(replicas.othersMayWrite() ?? '', /not known yet whether forwarder other/);
    touch('other');
    assert.equal(replicas.othersMayWrite(), undefined);
  });

  it('takes nobody to be harmless while it does not see its own changes', async () => {
    const { clock, server, replicas, run } = setUp();
    await run();
    server.isWatching = false;
    await clock.advance(60_000);
    assert.match(replicas.othersMayWrite() ?? '', /API server cannot be reached/);
  });

  it('may not act when the API server answers but does not let it renew', async () => {
    const { clock, server, replicas, run } = setUp();
    await run();
    server.failure = REFUSED;
    await clock.advance(14_000);
    assert.equal(replicas.mayAct(), true);
    await clock.advance(2_000);
    assert.equal(replicas.mayAct(), false);
  });

  it('may not act after a pause of the process until it has asked the API server', async () => {
    const { clock, replicas, run } = setUp();
    await run();
    // The clock goes on while no timer fires.
    const before = clock.monotonic();
    clock.monotonic = () => before + 60_000;
    assert.equal(replicas.mayAct(), false);
  });

  it('deletes its lease when it resigns', async () => {
    const { replicas, run, stored } = setUp();
    await run();
    await replicas.resign();
    assert.equal(stored.has('me'), false);
  });
});
