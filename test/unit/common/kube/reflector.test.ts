import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createKubeClient } from '../../../../common/kube/client.ts';
import { Reflector } from '../../../../common/kube/reflector.ts';
import { PODS } from '../../../../common/kube/resources.ts';
import type { KubeObject } from '../../../../common/kube/types.ts';
import { waitFor } from '../../../testbed/wait.ts';
import { FakeClock } from '../fake-clock.ts';
import { silentLog } from '../silent-log.ts';
import { FakeApiServer, type SeenRequest, status } from './fake-api-server.ts';

const path = (name: string) => `/api/v1/namespaces/shop/pods/${name}`;
const isWatch = (request: SeenRequest) => request.query.has('watch');
const isList = (request: SeenRequest) => !request.query.has('watch');
const soon = { deadlineMs: 3_000, intervalMs: 5 };

describe('Reflector', () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let client: ReturnType<typeof createKubeClient>;
  let reflector: Reflector<KubeObject>;
  let changes: string[];

  beforeEach(async () => {
    server = await new FakeApiServer().start();
    clock = new FakeClock();
    client = createKubeClient({ server: server.url }, { userAgent: 'test/1', clock });
    reflector = new Reflector({
      client,
      resource: PODS,
      namespace: 'shop',
      log: silentLog(),
      clock,
      random: () => 0.5,
    });
    changes = [];
    reflector.onChange(({ key, before, after }) => changes.push(`${before ? 1 : 0}${after ? 1 : 0} ${key}`));
  });
  afterEach(async () => {
    await reflector.stop();
    await client.close();
    await server.stop();
  });

  const names = () => reflector.list().map((pod) => pod.metadata.name);
  /** The client has the answer, too: it has begun to wait for silence. */
  const watching = () => waitFor('a watch', () => server.watchers === 1 && clock.timers.includes(150_000), soon);
  const count = (matches: (request: SeenRequest) => boolean) => server.requests.filter(matches).length;
  /** Between half and all of the first step of 500 ms. */
  const pausing = (ms: number) => waitFor(`a pause of ${ms} ms`, () => clock.timers.includes(ms), soon);

  async function started(): Promise<void> {
    reflector.start();
    await reflector.waitForSync();
    await watching();
  }

  it('lists, then follows, and tells what became of each key', async () => {
    server.put(path('a'), {});
    assert.equal(reflector.synced, false);
    await started();
    assert.equal(reflector.synced, true);
    server.put(path('b'), {});
    server.put(path('b'), { kind: 'Changed' });
    server.remove(path('a'));
    await waitFor('all changes', () => changes.length === 4, soon);
    assert.deepEqual(changes, ['01 shop/a', '01 shop/b', '11 shop/b', '10 shop/a']);
    assert.deepEqual(names(), ['b']);
    assert.equal(reflector.get({ namespace: 'shop', name: 'b' })?.kind, 'Changed');
  });

  it('asks the server to end the watch after 240 to 480 seconds', async () => {
    await started();
    assert.equal(server.requests.find(isWatch)?.query.get('timeoutSeconds'), '360');
  });

  it('is not synced by a list that failed, and goes on trying', async () => {
    server.put(path('a'), {});
    void server.failNext(isList, (response) => status(response, 500, 'InternalError', 'no'));
    void server.failNext(isList, (response) => response.destroy());
    reflector.start();
    await pausing(375);
    assert.equal(reflector.synced, false);
    await clock.advance(375);
    await pausing(750);
    assert.equal(reflector.synced, false);
    await clock.advance(750);
    await reflector.waitForSync();
    assert.deepEqual(names(), ['a']);
  });

  it('goes on from where it was when the stream breaks in the middle of an event', async () => {
    await started();
    server.put(path('a'), {});
    await waitFor('the change', () => changes.length === 1, soon);
    server.breakWatches();
    await pausing(375);
    server.put(path('b'), {});
    await clock.advance(375);
    await waitFor('the missed change', () => changes.length === 2, soon);
    assert.equal(count(isList), 1);
    assert.deepEqual(names(), ['a', 'b']);
  });

  it('watches again at once when the server ends a watch that worked, from the last bookmark', async () => {
    await started();
    server.bookmark();
    const before = clock.monotonic();
    await waitFor('the bookmark', () => reflector.lastContactAt === before, soon);
    server.put(path('a'), {});
    server.bookmark();
    await waitFor('the change', () => changes.length === 1, soon);
    server.endWatches();
    await waitFor('the next watch', () => count(isWatch) === 2 && server.watchers === 1, soon);
    assert.equal(clock.monotonic(), before);
    assert.equal(count(isList), 1);
    const versions = server.requests.filter(isWatch).map((request) => Number(request.query.get('resourceVersion')));
    assert.ok((versions[1] ?? 0) > (versions[0] ?? 0));
  });

  it('does not storm a server whose watches end at once', async () => {
    await started();
    server.endWatches();
    await pausing(375);
    assert.equal(count(isWatch), 1);
    await clock.advance(375);
    await watching();
  });

  it('lists again after 410 and tells of what vanished meanwhile', async () => {
    server.put(path('a'), {});
    server.put(path('b'), {});
    await started();
    void server.failNext(isWatch, (response) => response.destroy());
    server.breakWatches();
    await pausing(375);
    server.remove(path('a'));
    server.expire();
    await clock.advance(375);
    await pausing(750);
    await clock.advance(750);
    await pausing(1_500);
    await clock.advance(1_500);
    await waitFor('the deletion', () => changes.includes('10 shop/a'), soon);
    assert.deepEqual(names(), ['b']);
    assert.equal(count(isList), 2);
    assert.equal(changes.filter((change) => change.endsWith('shop/b')).length, 1);
  });

  it('tells of an end and a beginning when another object took the name meanwhile', async () => {
    server.put(path('a'), {});
    await started();
    void server.failNext(isWatch, (response) => response.destroy());
    server.breakWatches();
    await pausing(375);
    server.remove(path('a'));
    server.put(path('a'), {});
    server.expire();
    for (const pause of [375, 750, 1_500]) {
      await pausing(pause);
      await clock.advance(pause);
    }
    await waitFor('the successor', () => changes.length === 3, soon);
    assert.deepEqual(changes, ['01 shop/a', '10 shop/a', '01 shop/a']);
  });

  it('lists everything every ten minutes even when the watch seems healthy', async () => {
    await started();
    await clock.advance(100_000);
    server.bookmark();
    await waitFor('the bookmark', () => reflector.ageMs() === 0, soon);
    server.endWatches();
    await waitFor('the second request', () => count(isWatch) === 2, soon);
    await watching();
    await clock.advance(149_000);
    server.bookmark();
    await waitFor('the bookmark', () => reflector.ageMs() === 0, soon);
    server.endWatches();
    await waitFor('the third request', () => count(isWatch) === 3, soon);
    await watching();
    assert.equal(server.requests.filter(isWatch)[2]?.query.get('timeoutSeconds'), '351');
    assert.equal(count(isList), 1);
    for (let minute = 0; minute < 6; minute += 1) {
      await clock.advance(60_000);
      server.bookmark();
      await waitFor('the bookmark', () => reflector.ageMs() === 0, soon);
    }
    server.endWatches();
    await waitFor('the second list', () => count(isList) === 2, soon);
  });

  it('knows how old its knowledge is', async () => {
    await started();
    await clock.advance(40_000);
    assert.equal(reflector.ageMs(), 40_000);
    server.bookmark();
    await waitFor('the bookmark', () => reflector.ageMs() === 0, soon);
  });

  it('survives callbacks that throw, and tells the others', async () => {
    reflector.onChange(() => {
      throw new Error('from a callback');
    });
    const seen: string[] = [];
    const end = reflector.onChange(({ key }) => seen.push(key));
    await started();
    server.put(path('a'), {});
    await waitFor('the change', () => seen.length === 1, soon);
    end();
    server.put(path('b'), {});
    await waitFor('the next change', () => changes.length === 2, soon);
    assert.deepEqual(seen, ['shop/a']);
  });

  it('tells nothing after it was stopped, also of events that had arrived before', async () => {
    const pod = (name: string) => ({ metadata: { name, namespace: 'shop', uid: name, resourceVersion: name } });
    const stopping = new Reflector<KubeObject>({
      client: {
        list: async () => ({ items: [], resourceVersion: '1' }),
        async *watch<T extends KubeObject>() {
          for (const name of ['2', '3']) yield { type: 'ADDED' as const, object: pod(name) as KubeObject as T };
        },
      },
      resource: PODS,
      log: silentLog(),
      clock,
    });
    const told: string[] = [];
    const stopped = Promise.withResolvers<void>();
    stopping.onChange(({ key }) => {
      told.push(key);
      stopped.resolve(stopping.stop());
    });
    stopping.start();
    await stopped.promise;
    assert.deepEqual(told, ['shop/2']);
  });

  it('ends its wait for the first list when stopped or told to', async () => {
    void server.failNext(isList, () => {});
    reflector.start();
    const caller = new AbortController();
    const byCaller = assert.rejects(reflector.waitForSync(caller.signal), { code: 'Interrupted' });
    const byStop = assert.rejects(reflector.waitForSync(), { code: 'Interrupted' });
    caller.abort();
    await byCaller;
    await waitFor('the list', () => server.requests.length === 1, soon);
    const stopped = reflector.stop();
    await byStop;
    await clock.advance(30_000);
    await stopped;
    await assert.rejects(reflector.waitForSync(), { code: 'Interrupted' });
  });
});
