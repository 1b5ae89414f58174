// The whole process against the fake API server: becomes ready only with cache and certificate, answers over TLS, ends on SIGTERM.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { systemClock } from '../../../common/clock.ts';
import { createKubeClient } from '../../../common/kube/client.ts';
import { ensureCertificateAuthority } from '../../../common/tls/authority.ts';
import { createAuthority, createServerCertificate } from '../../../common/tls/certificates.ts';
import { HopelessError, waitFor } from '../../testbed/wait.ts';
import { FakeApiServer } from '../common/kube/fake-api-server.ts';
import { makePod, makeReview, makeSplit } from './fixtures.ts';

const MAIN = fileURLToPath(new URL('../../../webhook/main.ts', import.meta.url));
const soon = { deadlineMs: 20_000, intervalMs: 50 };

describe('webhook process', () => {
  let directory: string;
  let api: FakeApiServer;
  let child: ChildProcess;
  let ports: { http: number; admissions: number };
  const lines: Record<string, unknown>[] = [];

  /** Ports are chosen by the system and said in the log. */
  const said = (message: string) =>
    waitFor(
      `"${message}"`,
      () => {
        if (child.exitCode !== null) throw new HopelessError(`The process ended: ${JSON.stringify(lines.at(-1))}`);
        return lines.find((line) => line['msg'] === message);
      },
      soon,
    );

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'queue-splitter-'));
    const authority = await createAuthority('cluster', Date.now(), 3_600_000);
    const leaf = await createServerCertificate(authority, ['localhost'], Date.now(), 3_600_000);
    api = await new FakeApiServer({ key: leaf.key, cert: leaf.certificate }).start();
    await writeFile(join(directory, 'ca.crt'), authority.certificate);
    await writeFile(join(directory, 'token'), 'service-account-token');
    child = spawn(process.execPath, [MAIN], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        KUBERNETES_SERVICE_HOST: 'localhost',
        KUBERNETES_SERVICE_PORT: String(api.port),
        QUEUE_SPLITTER_SERVICE_ACCOUNT_DIRECTORY: directory,
        POD_NAME: 'webhook-1',
        QUEUE_SPLITTER_NAMESPACE: 'ops',
        QUEUE_SPLITTER_WEBHOOK_SERVICE: 'webhook',
        QUEUE_SPLITTER_WEBHOOK_PORT: '0',
        QUEUE_SPLITTER_METRICS_PORT: '0',
        QUEUE_SPLITTER_WEBHOOK_DRAIN_SECONDS: '0',
      },
    });
    createInterface({ input: child.stdout ?? assert.fail() }).on('line', (line) => lines.push(JSON.parse(line)));
    ports = { http: Number((await said('serving health and metrics'))['port']), admissions: 0 };
  });
  after(async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await api.stop();
    await rm(directory, { recursive: true });
  });

  const readiness = async () => {
    const { statusCode, body } = await request(`http://localhost:${ports.http}/readyz`);
    return { statusCode, body: (await body.json()) as { checks: Record<string, string> } };
  };

  it('is not ready while there is no certificate authority', async () => {
    await said('waiting for the certificate authority queue-splitter-webhook-ca, which the controller makes');
    const { statusCode, body } = await readiness();
    assert.equal(statusCode, 503);
    assert.match(body.checks['certificate'] ?? '', /waiting for the Secret/);
  });

  it('becomes ready by itself and patches over TLS with the published bundle', async () => {
    const split = makeSplit();
    const path = `/apis/queuesplitter.dev/v1alpha1/namespaces/shop/workloadsplits/${split.metadata.name}`;
    api.put(path, split);
    const client = createKubeClient(
      { server: `https://localhost:${api.port}`, skipTlsVerify: true },
      { userAgent: 'test/1' },
    );
    const { bundle } = await ensureCertificateAuthority(client, 'ops', systemClock);
    await client.close();
    ports.admissions = Number((await said('serving admissions'))['port']);
    await waitFor('readiness', async () => (await readiness()).statusCode === 200, soon);
    const agent = new Agent({ connect: { ca: bundle, servername: 'webhook.ops.svc' } });
    const { body } = await request(
      `https://localhost:${ports.admissions}/mutate/shop/deployment-worker/split-uid/3?timeout=3s`,
      {
        dispatcher: agent,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(makeReview(makePod())),
      },
    );
    const { response } = (await body.json()) as { response: { uid: string; patchType: string } };
    assert.deepEqual([response.uid, response.patchType], ['request-uid', 'JSONPatch']);
    await agent.destroy();
  });

  it('stays within 192 MB of memory, although run from TypeScript here', async (context) => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    if (status === '') return context.skip('there is no /proc here');
    const residentMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    context.diagnostic(`resident: ${Math.round(residentMb)} MB`);
    assert.ok(residentMb < 192, `${residentMb} MB`);
  });

  it('ends with 0 on SIGTERM', async () => {
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});
