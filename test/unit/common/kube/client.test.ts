import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { createKubeClient } from '../../../../common/kube/client.ts';
import { DEPLOYMENTS, NAMESPACES, PODS, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { createAuthority, createServerCertificate } from '../../../../common/tls/certificates.ts';
import { waitFor } from '../../../testbed/wait.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeApiServer, json, status } from './fake-api-server.ts';

const POD = '/api/v1/namespaces/shop/pods/a';
const SHOP_A = { namespace: 'shop', name: 'a' };

async function rejection(promise: Promise<unknown>): Promise<SplitterError> {
  const error = await promise.then(
    () => assert.fail('it should have been refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SplitterError, String(error));
  return error;
}

describe('KubeClient', () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let client: ReturnType<typeof createKubeClient>;

  beforeEach(async () => {
    server = await new FakeApiServer().start();
    clock = new FakeClock();
    client = createKubeClient(
      { server: server.url, headers: () => ({ authorization: 'Bearer abc' }) },
      { userAgent: 'test/1', clock, requestTimeoutMs: 10_000, watchSilenceMs: 150_000 },
    );
  });
  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  it('says who it is and reads what is there', async () => {
    server.put(POD, { kind: 'Pod' });
    assert.equal((await client.get(PODS, SHOP_A))?.metadata.name, 'a');
    assert.equal(await client.get(PODS, { namespace: 'shop', name: 'b' }), undefined);
    assert.equal(server.requests[0]?.headers['user-agent'], 'test/1');
    assert.equal(server.requests[0]?.headers.authorization, 'Bearer abc');
  });

  it('keeps the path of a server behind a proxy', async () => {
    const proxied = createKubeClient({ server: `${server.url}/k8s/clusters/c-1/` }, { userAgent: 'test/1', clock });
    await proxied.list(PODS, { namespace: 'shop' });
    assert.equal(server.requests[0]?.path, '/k8s/clusters/c-1/api/v1/namespaces/shop/pods');
    await proxied.close();
  });

  it('lists all pages, with kind and version in every item', async () => {
    for (let index = 0; index < 1201; index += 1) server.put(`/api/v1/namespaces/shop/pods/p${index}`, {});
    const { items, resourceVersion } = await client.list(PODS);
    assert.equal(items.length, 1201);
    assert.equal(new Set(items.map((item) => item.metadata.name)).size, 1201);
    assert.deepEqual([items[7]?.kind, items[7]?.apiVersion], ['Thing', 'v1']);
    assert.match(resourceVersion, /^\d+$/);
    assert.equal(server.requests.length, 3);
    assert.ok(server.requests.every((request) => !request.query.has('resourceVersion')));
  });

  it('lists once more in one piece when a page has expired', async () => {
    for (let index = 0; index < 600; index += 1) server.put(`/api/v1/namespaces/shop/pods/p${index}`, {});
    void server.failNext(
      (request) => request.query.has('continue'),
      (response) => status(response, 410, 'Expired', 'the continue parameter is too old'),
    );
    assert.equal((await client.list(PODS, { namespace: 'shop', labelSelector: 'a=b' })).items.length, 600);
    assert.equal(server.requests.at(-1)?.query.get('limit'), null);
    assert.equal(server.requests.at(-1)?.query.get('labelSelector'), 'a=b');
  });

  it('writes with the content type of each verb', async () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: SHOP_A };
    await client.create(DEPLOYMENTS, deployment);
    await client.mergePatch(DEPLOYMENTS, SHOP_A, { metadata: { labels: { x: 'y' } } });
    await client.jsonPatch(DEPLOYMENTS, SHOP_A, []);
    await client.apply(DEPLOYMENTS, deployment, { fieldManager: 'somebody', force: true });
    await client.replace(DEPLOYMENTS, deployment, { subresource: 'status' });
    await client.createSubresource(PODS, SHOP_A, 'eviction', {});
    assert.equal(await client.delete(DEPLOYMENTS, SHOP_A), true);
    assert.equal(await client.delete(DEPLOYMENTS, SHOP_A), false);
    const collection = '/apis/apps/v1/namespaces/shop/deployments';
    assert.deepEqual(
      server.requests.map((request) => [
        request.method,
        request.path,
        request.headers['content-type'],
        request.query.get('fieldManager'),
      ]),
      [
        ['POST', collection, 'application/json', 'queue-splitter'],
        ['PATCH', `${collection}/a`, 'application/merge-patch+json', 'queue-splitter'],
        ['PATCH', `${collection}/a`, 'application/json-patch+json', 'queue-splitter'],
        ['PATCH', `${collection}/a`, 'application/apply-patch+yaml', 'somebody'],
        ['PUT', `${collection}/a/status`, 'application/json', 'queue-splitter'],
        ['POST', '/api/v1/namespaces/shop/pods/a/eviction', 'application/json', 'queue-splitter'],
        ['DELETE', `${collection}/a`, 'application/json', null],
        ['DELETE', `${collection}/a`, 'application/json', null],
      ],
    );
  });

  it('names cluster-scoped objects without a namespace and refuses to name namespaced ones so', async () => {
    await rejection(client.mergePatch(NAMESPACES, { name: 'shop' }, {}));
    assert.equal(server.requests[0]?.path, '/api/v1/namespaces/shop');
    assert.equal((await rejection(client.get(PODS, { name: 'a' }))).code, 'Internal');
  });

  describe('errors', () => {
    const any = () => true;

    it('say which permission is missing', async () => {
      void server.failNext(any, (response) => status(response, 403, 'Forbidden', 'User "x" cannot list'));
      const error = await rejection(client.list(WORKLOAD_SPLITS, { namespace: 'shop' }));
      assert.equal(error.code, 'PermissionDenied');
      assert.match(error.message, /list workloadsplits\.queuesplitter\.dev in namespace shop/);
      assert.match(error.message, /allow list on workloadsplits/);
      assert.equal(error.retryable, false);
    });

    it('are Conflict for stale versions, names that are taken and uids of predecessors', async () => {
      const pod = server.put(POD, {});
      server.put(POD, {});
      assert.equal((await rejection(client.replace(PODS, pod))).code, 'Conflict');
      assert.equal((await rejection(client.create(PODS, pod))).details['reason'], 'AlreadyExists');
      assert.equal((await rejection(client.delete(PODS, SHOP_A, { uid: 'other' }))).code, 'Conflict');
      void server.failNext(any, (response) =>
        json(response, 422, {
          reason: 'Invalid',
          message: 'invalid',
          details: { causes: [{ field: 'metadata.uid' }] },
        }),
      );
      assert.equal((await rejection(client.mergePatch(PODS, SHOP_A, {}))).code, 'Conflict');
    });

    it("are ApiRejected with the server's sentence for what it refuses", async () => {
      void server.failNext(any, (response) => status(response, 422, 'Invalid', 'spec.x: Required value'));
      const invalid = await rejection(client.create(PODS, { metadata: SHOP_A }));
      assert.equal(invalid.code, 'ApiRejected');
      assert.match(invalid.message, /create pods "a" in namespace shop: spec\.x: Required value\./);
      assert.equal((await rejection(client.mergePatch(PODS, SHOP_A, {}))).details['status'], 404);
    });

    it('tell a missing object from a resource that the cluster does not know', async () => {
      void server.failNext(any, (response) => response.writeHead(404).end('404 page not found\n'));
      const error = await rejection(client.get(WORKLOAD_SPLITS, SHOP_A));
      assert.equal(error.code, 'ApiRejected');
      assert.match(error.message, /install its CRDs/);
    });

    it('are ApiUnreachable and retryable when there is no answer', async () => {
      void server.failNext(any, (response) => response.destroy());
      const cut = await rejection(client.get(PODS, SHOP_A));
      assert.deepEqual([cut.code, cut.retryable], ['ApiUnreachable', true]);
      assert.match(cut.message, /Check that this process can reach the API server at http:/);
      void server.failNext(any, (response) => status(response, 500, 'InternalError', 'etcd is down'));
      assert.equal((await rejection(client.get(PODS, SHOP_A))).code, 'ApiUnreachable');
      void server.failNext(any, (response) => response.writeHead(200).end('{"kind":'));
      assert.equal((await rejection(client.get(PODS, SHOP_A))).code, 'ApiUnreachable');
    });

    it('come after the time limit when the server hangs', async () => {
      const reached = server.failNext(any, () => {});
      const error = rejection(client.get(PODS, SHOP_A));
      await reached;
      await clock.advance(10_000);
      assert.match((await error).message, /no answer within 10000 ms/);
    });

    it('are Interrupted when the caller gives up', async () => {
      const caller = new AbortController();
      const reached = server.failNext(any, () => {});
      const error = rejection(client.mergePatch(PODS, SHOP_A, {}, { signal: caller.signal }));
      await reached;
      caller.abort();
      assert.equal((await error).code, 'Interrupted');
    });
  });

  it('waits as long as a 429 says and tries again, within the time limit', async () => {
    server.put(POD, {});
    void server.failNext(
      () => true,
      (response) => status(response, 429, 'TooManyRequests', 'slow down', { 'retry-after': '2' }),
    );
    const got = client.get(PODS, SHOP_A);
    await waitFor('the pause', () => clock.timers.includes(2_000), { deadlineMs: 2_000, intervalMs: 5 });
    assert.equal(server.requests.length, 1);
    await clock.advance(2_000);
    assert.equal((await got)?.metadata.name, 'a');
  });

  it('reports a 429 without Retry-After at once: evictions answer so', async () => {
    void server.failNext(
      () => true,
      (response) => status(response, 429, 'TooManyRequests', 'Cannot evict pod'),
    );
    const error = await rejection(client.createSubresource(PODS, SHOP_A, 'eviction', {}));
    assert.deepEqual([error.code, error.details['status']], ['ApiUnreachable', 429]);
    assert.equal(server.requests.length, 1);
  });

  describe('watch', () => {
    const options = (signal: AbortSignal) => ({ namespace: 'shop', resourceVersion: '0', timeoutSeconds: 300, signal });

    it('yields events and bookmarks and ends with the server', async () => {
      server.put(POD, { kind: 'Größe' });
      const seen: string[] = [];
      for await (const event of client.watch(PODS, options(new AbortController().signal))) {
        seen.push(event.type === 'BOOKMARK' ? event.type : `${event.type} ${event.object.kind}`);
        if (seen.length === 1) server.remove(POD);
        if (seen.length === 2) server.bookmark();
        if (seen.length === 3) server.endWatches();
      }
      assert.deepEqual(seen, ['ADDED Größe', 'DELETED Größe', 'BOOKMARK']);
      const { query } = server.requests[0] ?? assert.fail();
      assert.equal(query.get('allowWatchBookmarks'), 'true');
      assert.equal(query.get('timeoutSeconds'), '300');
    });

    it('puts events together that arrive in pieces', async () => {
      const line = Buffer.from(
        `${JSON.stringify({ type: 'ADDED', object: { kind: 'Größe', metadata: { name: 'a' } } })}\n\n`,
      );
      const middleOfCharacter = line.indexOf('ö') + 1;
      void server.failNext(
        () => true,
        (response) => {
          response.write(line.subarray(0, middleOfCharacter));
          setImmediate(() => response.end(line.subarray(middleOfCharacter)));
        },
      );
      const kinds: unknown[] = [];
      for await (const event of client.watch(PODS, options(new AbortController().signal))) {
        if (event.type === 'ADDED') kinds.push(event.object.kind);
      }
      assert.deepEqual(kinds, ['Größe']);
    });

    async function drain(signal = new AbortController().signal): Promise<void> {
      for await (const event of client.watch(PODS, options(signal))) void event;
    }
    const watching = () =>
      waitFor('the watch to be open', () => server.watchers === 1 && clock.timers.includes(150_000), {
        deadlineMs: 2_000,
        intervalMs: 5,
      });

    it('rejects when it is cut in the middle of an event', async () => {
      const error = rejection(drain());
      await watching();
      server.breakWatches();
      assert.equal((await error).code, 'ApiUnreachable');
    });

    it('rejects when the server ends it in the middle of an event', async () => {
      void server.failNext(
        () => true,
        (response) => response.end('{"type":"ADDED","object":{"meta'),
      );
      assert.match((await rejection(drain())).message, /ended in the middle of an event/);
    });

    it('rejects with status 410 when the version is too old', async () => {
      server.expire();
      const error = await rejection(drain());
      assert.deepEqual([error.code, error.details['status']], ['Conflict', 410]);
    });

    it('rejects when nothing at all arrives for too long', async () => {
      const error = rejection(drain());
      await watching();
      await clock.advance(150_000);
      assert.match((await error).message, /silent for 150000 ms/);
      await waitFor('the server to see the end', () => server.watchers === 0, { deadlineMs: 2_000, intervalMs: 5 });
    });

    it('ends quietly when the caller stops it, and closes the connection', async () => {
      const caller = new AbortController();
      const drained = drain(caller.signal);
      await watching();
      caller.abort();
      await drained;
      await waitFor('the server to see the end', () => server.watchers === 0, { deadlineMs: 2_000, intervalMs: 5 });
    });
  });
});

describe('KubeClient over TLS', () => {
  it('trusts the given authority only, for the given name', async () => {
    const now = Date.now();
    const authority = await createAuthority('test', now, 3_600_000);
    const leaf = await createServerCertificate(authority, ['kubernetes.test', 'localhost'], now, 3_600_000);
    const server = await new FakeApiServer({ key: leaf.key, cert: leaf.certificate }).start();
    const url = `https://127.0.0.1:${server.port}`;
    server.put(POD, {});
    const trusting = createKubeClient(
      { server: url, ca: authority.certificate, serverName: 'kubernetes.test' },
      { userAgent: 'test/1' },
    );
    const strict = createKubeClient({ server: url }, { userAgent: 'test/1' });
    try {
      assert.ok(await trusting.get(PODS, SHOP_A));
      assert.equal((await rejection(strict.get(PODS, SHOP_A))).code, 'ApiUnreachable');
    } finally {
      await Promise.all([trusting.close(), strict.close()]);
      await server.stop();
    }
  });
});
