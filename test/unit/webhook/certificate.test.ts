import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import type { Authority } from '../../../common/tls/authority.ts';
import { createAuthority, joinPems } from '../../../common/tls/certificates.ts';
import { CertificateKeeper, type ServingCertificate } from '../../../webhook/certificate.ts';
import { waitFor } from '../../testbed/wait.ts';
import { FakeClock } from '../common/fake-clock.ts';
import { silentLog } from '../common/silent-log.ts';

const soon = { deadlineMs: 3_000, intervalMs: 2 };
const HOUR = 3_600_000;

describe('CertificateKeeper', () => {
  let clock: FakeClock;
  let secret: Authority | undefined;
  let reads: number;
  let keeper: CertificateKeeper;

  beforeEach(() => {
    clock = new FakeClock();
    [secret, reads] = [undefined, 0];
    keeper = new CertificateKeeper({
      client: {
        async get<T>() {
          reads += 1;
          if (!secret) return undefined;
          const data = { 'ca.crt': secret.bundle, 'tls.crt': secret.certificate, 'tls.key': secret.key };
          const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
          return { metadata: { name: 'x' }, data: Object.fromEntries(encoded) } as T;
        },
      },
      namespace: 'ops',
      service: 'webhook',
      clock,
      random: () => 1,
      log: silentLog(),
    });
  });

  async function authority(): Promise<Authority> {
    const pair = await createAuthority('test', clock.now(), 9000 * HOUR);
    return { ...pair, bundle: joinPems([pair.certificate]) };
  }

  async function keep() {
    const seen: ServingCertificate[] = [];
    const first = await keeper.first(new AbortController().signal);
    assert.ok(first);
    const stop = new AbortController();
    const kept = keeper.keep(stop.signal, (certificate) => seen.push(certificate));
    /** Lets the minute pass and the check end. */
    const minute = async () => {
      await waitFor('the pause', () => clock.timers.length === 1, soon);
      const before = reads;
      await clock.advance(60_000);
      await waitFor('the check', () => reads > before && clock.timers.length === 1, soon);
    };
    const end = async () => {
      stop.abort();
      await kept;
    };
    return { first, seen, minute, end };
  }

  it('waits for the Secret and is not ready until then', async () => {
    const certificate = keeper.first(new AbortController().signal);
    for (const pause of [250, 500, 1_000, 2_000, 4_000, 5_000]) {
      await waitFor('the pause', () => clock.timers.includes(pause), soon);
      assert.match(keeper.problem() ?? '', /waiting for the Secret queue-splitter-webhook-ca/);
      if (pause === 5_000) secret = await authority();
      await clock.advance(pause);
    }
    const leaf = new X509Certificate((await certificate)?.cert ?? '');
    assert.deepEqual(leaf.subjectAltName, 'DNS:webhook.ops.svc, DNS:webhook.ops, DNS:webhook');
    assert.equal(leaf.checkIssued(new X509Certificate(secret?.certificate ?? '')), true);
    assert.equal(keeper.problem(), undefined);
  });

  it('ends its wait when told to', async () => {
    const stop = new AbortController();
    const certificate = keeper.first(stop.signal);
    await waitFor('the pause', () => clock.timers.length === 1, soon);
    stop.abort();
    assert.equal(await certificate, undefined);
  });

  it('renews after two thirds of a week by the wall clock, not before', async () => {
    secret = await authority();
    const { first, seen, minute, end } = await keep();
    await minute();
    assert.equal(seen.length, 0);
    clock.jump(112 * HOUR);
    await minute();
    assert.equal(seen.length, 1);
    assert.notEqual(seen[0]?.cert, first.cert);
    await end();
  });

  it('keeps its certificate while its authority is in the bundle, and signs anew at once when it is not', async () => {
    const old = await authority();
    secret = old;
    const { seen, minute, end } = await keep();
    const next = await authority();
    secret = { ...next, bundle: joinPems([next.certificate, old.certificate]) };
    await minute();
    assert.equal(seen.length, 0);
    secret = next;
    await minute();
    assert.equal(seen.length, 1);
    await end();
  });

  it('goes on with what it has while the Secret cannot be read, and says when it has expired', async () => {
    secret = await authority();
    const { seen, minute, end } = await keep();
    secret = undefined;
    await minute();
    assert.deepEqual([seen.length, keeper.problem()], [0, undefined]);
    await end();
    clock.jump(7 * 24 * HOUR);
    assert.equal(keeper.problem(), 'the certificate has expired');
  });
});
