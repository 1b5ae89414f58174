import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createKubeClient } from '../../../../common/kube/client.ts';
import { ensureCertificateAuthority, readAuthority } from '../../../../common/tls/authority.ts';
import { splitPems } from '../../../../common/tls/certificates.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeApiServer, status } from '../kube/fake-api-server.ts';

const PATH = '/api/v1/namespaces/ops/secrets/queue-splitter-webhook-ca';
const DAY = 24 * 3_600_000;

describe('ensureCertificateAuthority', () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let client: ReturnType<typeof createKubeClient>;
  const ensure = () => ensureCertificateAuthority(client, 'ops', clock);

  beforeEach(async () => {
    server = await new FakeApiServer().start();
    clock = new FakeClock();
    client = createKubeClient({ server: server.url }, { userAgent: 'test/1' });
  });
  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  it('makes the authority once, and everybody gets the same', async () => {
    assert.equal(await readAuthority(client, 'ops'), undefined);
    const [one, other] = await Promise.all([ensure(), ensure()]);
    assert.deepEqual(one, other);
    assert.deepEqual(await readAuthority(client, 'ops'), one);
    assert.equal(splitPems(one.bundle).length, 1);
  });

  it('renews it after two thirds of its year and keeps trusting the old one until that expires', async () => {
    const first = await ensure();
    await clock.advance(240 * DAY);
    assert.deepEqual(await ensure(), first);
    await clock.advance(5 * DAY);
    const second = await ensure();
    assert.notEqual(second.certificate, first.certificate);
    assert.deepEqual(splitPems(second.bundle), [second.certificate.trim(), first.certificate.trim()]);
    await clock.advance(250 * DAY);
    const third = await ensure();
    assert.deepEqual(splitPems(third.bundle), [third.certificate.trim(), second.certificate.trim()]);
  });

  it('replaces what cannot be used', async () => {
    server.put(PATH, { kind: 'Secret', type: 'Opaque', data: { 'tls.crt': 'bm8=' } } as never);
    assert.equal(await readAuthority(client, 'ops'), undefined);
    assert.deepEqual(await ensure(), await readAuthority(client, 'ops'));
  });

  it('passes on what the API server says', async () => {
    void server.failNext(
      () => true,
      (response) => status(response, 403, 'Forbidden', 'no'),
    );
    await assert.rejects(ensure(), { code: 'PermissionDenied', message: /secrets "queue-splitter-webhook-ca"/ });
  });
});
