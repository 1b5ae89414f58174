import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createKubeClient } from '../../../../common/kube/client.ts';
import { PODS } from '../../../../common/kube/resources.ts';
import { createAuthority, createServerCertificate } from '../../../../common/tls/certificates.ts';
import { FakeApiServer } from './fake-api-server.ts';
import { type ProxyServer, startHttpProxy, startSocksProxy } from './proxy-servers.ts';

const POD = { namespace: 'shop', name: 'a' };

describe('KubeClient through a proxy', () => {
  let server: FakeApiServer;
  let authority: string;

  before(async () => {
    const now = Date.now();
    const made = await createAuthority('test', now, 3_600_000);
    const leaf = await createServerCertificate(made, ['kubernetes.test'], now, 3_600_000);
    server = await new FakeApiServer({ key: leaf.key, cert: leaf.certificate }).start();
    server.put('/api/v1/namespaces/shop/pods/a', {});
    authority = made.certificate;
  });
  after(() => server.stop());

  /** TLS is with the API server itself: its authority and its name are checked. */
  async function ask(proxy: string, ca = authority): Promise<unknown> {
    const client = createKubeClient(
      { server: `https://127.0.0.1:${server.port}`, ca, serverName: 'kubernetes.test', proxy },
      { userAgent: 'test/1', requestTimeoutMs: 5_000 },
    );
    try {
      return await client.get(PODS, POD);
    } finally {
      await client.close();
    }
  }

  const proxies: Record<string, () => Promise<ProxyServer>> = { HTTP: startHttpProxy, SOCKS5: startSocksProxy };
  for (const [name, start] of Object.entries(proxies)) {
    it(`of ${name}: every connection is a tunnel, and the API server proves who it is`, async () => {
      const proxy = await start();
      try {
        assert.ok(await ask(proxy.url));
        assert.deepEqual(proxy.tunnels, [`127.0.0.1:${server.port}`]);
        const other = await createAuthority('other', Date.now(), 3_600_000);
        await assert.rejects(ask(proxy.url, other.certificate), { code: 'ApiUnreachable', message: /certificate/ });
      } finally {
        await proxy.close();
      }
    });
  }

  it('logs in with the name and password of the URL', async () => {
    const proxy = await startHttpProxy('me:secret@');
    try {
      assert.ok(await ask(proxy.url));
      assert.deepEqual(proxy.logins, [`Basic ${btoa('me:secret')}`]);
    } finally {
      await proxy.close();
    }
  });

  it('says that the proxy does not answer', async () => {
    const proxy = await startHttpProxy();
    await proxy.close();
    await assert.rejects(ask(proxy.url), { code: 'ApiUnreachable', message: /ECONNREFUSED.*through the proxy/s });
  });
});
