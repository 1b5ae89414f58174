import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  createAuthority,
  createServerCertificate,
  isPair,
  isRenewalDue,
  isSignedByOneOf,
  joinPems,
  splitPems,
  validityOf,
} from '../../../../common/tls/certificates.ts';

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;

describe('certificates', async () => {
  const authority = await createAuthority('test authority', NOW, 300 * HOUR);
  const other = await createAuthority('test authority', NOW, 300 * HOUR);
  const leaf = await createServerCertificate(authority, ['webhook.ops.svc', 'webhook.ops', 'webhook'], NOW, 30 * HOUR);

  it('make an authority and a server certificate that OpenSSL accepts', () => {
    const [ca, server] = [new X509Certificate(authority.certificate), new X509Certificate(leaf.certificate)];
    assert.equal(ca.ca, true);
    assert.equal(server.ca, false);
    assert.equal(server.checkIssued(ca), true);
    assert.equal(server.checkHost('webhook.ops.svc'), 'webhook.ops.svc');
    assert.equal(server.checkHost('webhook'), 'webhook');
    assert.equal(server.checkHost('other.ops.svc'), undefined);
    assert.notEqual(ca.serialNumber, server.serialNumber);
  });

  it('live as long as told, but not longer than their authority', async () => {
    assert.equal(validityOf(leaf.certificate).notAfter, NOW + 30 * HOUR);
    assert.ok(validityOf(leaf.certificate).notBefore < NOW);
    const long = await createServerCertificate(authority, ['a'], NOW, 9000 * HOUR);
    assert.equal(validityOf(long.certificate).notAfter, NOW + 300 * HOUR);
  });

  it('are due after two thirds of their life', () => {
    assert.equal(isRenewalDue(leaf.certificate, NOW + 19 * HOUR), false);
    assert.equal(isRenewalDue(leaf.certificate, NOW + 20 * HOUR), true);
  });

  it('fit their own key and their own authority only', () => {
    assert.equal(isPair(authority), true);
    assert.equal(isPair({ ...authority, key: other.key }), false);
    assert.equal(isPair({ certificate: 'nonsense', key: 'nonsense' }), false);
    assert.equal(isSignedByOneOf(leaf.certificate, other.certificate), false);
    assert.equal(isSignedByOneOf(leaf.certificate, joinPems([other.certificate, authority.certificate])), true);
  });

  it('are bundled with newlines in between', () => {
    const bundle = joinPems([authority.certificate.trim(), `${other.certificate}\n\n`]);
    assert.doesNotMatch(bundle, /----------/);
    assert.deepEqual(splitPems(bundle), [authority.certificate.trim(), other.certificate.trim()]);
  });

  it('take names longer than a common name may be', async () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.svc`;
    const { certificate } = await createServerCertificate(authority, [long], NOW, HOUR);
    assert.equal(new X509Certificate(certificate).checkHost(long), long);
  });
});
