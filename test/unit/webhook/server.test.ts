import assert from 'node:assert/strict';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { Agent, type Dispatcher, request } from 'undici';
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import { createAuthority, createServerCertificate, type KeyPair } from '../../../common/tls/certificates.ts';
import { createAdmit } from '../../../webhook/admit.ts';
import { createLookup } from '../../../webhook/lookup.ts';
import { startWebhookServer, type WebhookServer } from '../../../webhook/server.ts';
import { FakeClock } from '../common/fake-clock.ts';
import { silentLog } from '../common/silent-log.ts';
import { makePod, makeReview, makeSplit } from './fixtures.ts';

const PATH = '/mutate/shop/deployment-worker/split-uid/3?timeout=3s';
const NAMES: [string, string] = ['webhook.ops.svc', 'localhost'];
const HOUR = 3_600_000;

describe('webhook server', () => {
  let authority: KeyPair;
  let clock: FakeClock;
  let server: WebhookServer;
  let agent: Agent;
  let cached: WorkloadSplit | undefined;

  const leaf = async () => {
    const { key, certificate } = await createServerCertificate(authority, NAMES, Date.now(), HOUR);
    return { key, cert: certificate };
  };
  async function start(): Promise<WebhookServer> {
    const cache = { get: () => cached };
    const client = { get: async () => undefined };
    const log = silentLog();
    return startWebhookServer({
      port: 0,
      certificate: await leaf(),
      admit: createAdmit(createLookup(cache, client), log),
      cache,
      podName: 'webhook-1',
      clock,
      log,
    });
  }

  before(async () => {
    authority = await createAuthority('test', Date.now(), HOUR);
    clock = new FakeClock();
    server = await start();
    agent = new Agent({ connect: { ca: authority.certificate, servername: NAMES[0] }, allowH2: false });
  });
  beforeEach(() => {
    cached = makeSplit();
  });
  after(async () => {
    await agent.destroy();
    const closed = server.close(0);
    await clock.advance(0);
    await closed;
  });

  async function call(path: string, options: Partial<Dispatcher.RequestOptions> = {}) {
    const { statusCode, headers, body } = await request(`https://localhost:${server.port}${path}`, {
      dispatcher: agent,
      ...options,
    } as Parameters<typeof request>[1]);
    return { statusCode, headers, body: JSON.parse(await body.text()) };
  }
  const post = (body: unknown, contentType = 'application/json') =>
    call(PATH, { method: 'POST', headers: { 'content-type': contentType }, body: JSON.stringify(body) });

  it('takes the longest names that there can be', async () => {
    const { statusCode, body } = await call(`/proven/${'n'.repeat(63)}/${'d'.repeat(253)}/split-uid/3`);
    assert.equal(statusCode, 200, JSON.stringify(body));
  });

  it('answers a review, whatever query the API server adds', async () => {
    const { statusCode, body } = await post(makeReview(makePod()));
    assert.equal(statusCode, 200);
    assert.deepEqual(
      [body.response.uid, body.response.allowed, body.response.patchType],
      ['request-uid', true, 'JSONPatch'],
    );
  });

  it('answers 200 with the uid also when something goes wrong inside', async () => {
    cached = makeSplit({ environment: 'nonsense' as never });
    const { statusCode, body } = await post(makeReview(makePod()));
    assert.deepEqual([statusCode, body.response.uid, body.response.allowed], [200, 'request-uid', false]);
  });

  it('takes pods of several megabytes and strange annotations, and refuses what is no review', async () => {
    const big = makePod([{ name: 'BIG', value: 'x'.repeat(3_000_000) }]);
    assert.equal((await post(makeReview(big))).statusCode, 200);
    const strange = JSON.parse(
      '{"metadata":{"annotations":{"__proto__":"x"},"labels":{"constructor":"y"}},"spec":{"containers":[]}}',
    );
    assert.equal((await post(makeReview(strange))).statusCode, 200);
    assert.equal((await post({ kind: 'Pod' })).statusCode, 400);
    assert.equal((await post(makeReview(makePod()), 'text/plain')).statusCode, 415);
    assert.equal((await post({ padding: 'x'.repeat(7 * 1024 * 1024) })).statusCode, 413);
    const wrongPath = {
      method: 'POST' as const,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(makeReview({})),
    };
    assert.equal((await call('/mutate/shop/worker/split-uid/x', wrongPath)).statusCode, 400);
  });

  it('says whether it knows a revision', async () => {
    assert.deepEqual(
      await call('/proven/shop/deployment-worker/split-uid/3').then(({ statusCode, body }) => [statusCode, body]),
      [200, { pod: 'webhook-1', ready: true, phase: 'Patching', revision: 9, environmentRevision: 3 }],
    );
    assert.equal((await call('/proven/shop/deployment-worker/split-uid/4')).statusCode, 503);
    cached = undefined;
    assert.deepEqual((await call('/proven/shop/deployment-worker/split-uid/3')).body, {
      pod: 'webhook-1',
      ready: false,
    });
  });

  function handshake(options: { maxVersion?: 'TLSv1.1' | 'TLSv1.2'; minVersion?: 'TLSv1' } = {}): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        {
          port: server.port,
          host: 'localhost',
          ca: authority.certificate,
          servername: NAMES[0],
          ciphers: 'DEFAULT@SECLEVEL=0',
          ...options,
        },
        () => resolve(socket),
      );
      socket.once('error', reject);
    });
  }

  it('speaks TLS 1.2 and newer only', async () => {
    (await handshake({ maxVersion: 'TLSv1.2' })).destroy();
    await assert.rejects(handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }));
  });

  it('shows a new certificate in new handshakes while open connections go on', async () => {
    const open = new HttpsAgent({ keepAlive: true, maxSockets: 1, ca: authority.certificate, servername: NAMES[0] });
    const ask = () =>
      new Promise<{ reused: boolean; status: number | undefined }>((resolve, reject) => {
        const asked = httpsRequest(
          { port: server.port, host: 'localhost', path: '/proven/shop/a/split-uid/1', agent: open },
          (response) => {
            response.resume().on('end', () => resolve({ reused: asked.reusedSocket, status: response.statusCode }));
          },
        );
        asked.on('error', reject).end();
      });
    const serial = async () => {
      const socket = await handshake();
      const { serialNumber } = socket.getPeerX509Certificate() ?? assert.fail('no certificate was shown');
      socket.destroy();
      return serialNumber;
    };
    await ask();
    const before = await serial();
    server.setCertificate(await leaf());
    assert.notEqual(await serial(), before);
    assert.equal((await ask()).reused, true);
    open.destroy();
  });

  it('goes on serving while it drains, and asks callers to leave', async () => {
    const main = server;
    server = await start();
    const first = await post(makeReview(makePod()));
    assert.notEqual(first.headers['connection'], 'close');
    let closed = false;
    const closing = server.close(12_000).then(() => {
      closed = true;
    });
    await clock.advance(11_999);
    const last = await post(makeReview(makePod()));
    assert.deepEqual([last.statusCode, last.headers['connection'], closed], [200, 'close', false]);
    await clock.advance(1);
    await closing;
    await assert.rejects(post(makeReview(makePod())), { code: 'ECONNREFUSED' });
    server = main;
  });
});
