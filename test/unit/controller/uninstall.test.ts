// The clean-up Job's program as a whole process against the fake API server: it must not say that all is well while a split is left.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAuthority, createServerCertificate } from '../../../common/tls/certificates.ts';
import { UNINSTALLING_LEASE } from '../../../controller/uninstalling.ts';
import { waitFor } from '../../testbed/wait.ts';
import { FakeApiServer, type SeenRequest, status } from '../common/kube/fake-api-server.ts';

const MAIN = fileURLToPath(new URL('../../../controller/uninstall.ts', import.meta.url));
const SPLIT = '/apis/queuesplitter.dev/v1alpha1/namespaces/shop/workloadsplits/deployment-orders-worker';
const MARK = `/apis/coordination.k8s.io/v1/namespaces/ops/leases/${UNINSTALLING_LEASE}`;
const soon = { deadlineMs: 20_000, intervalMs: 50 };

const isList = ({ method, path }: SeenRequest): boolean => method === 'GET' && path.endsWith('/workloadsplits');

describe('the clean-up program', () => {
  let directory: string;
  let certificate: { key: string; certificate: string };
  let api: FakeApiServer;
  let child: ChildProcess;
  let lines: Record<string, unknown>[];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'queue-splitter-'));
    const authority = await createAuthority('cluster', Date.now(), 3_600_000);
    certificate = await createServerCertificate(authority, ['localhost'], Date.now(), 3_600_000);
    await writeFile(join(directory, 'ca.crt'), authority.certificate);
    await writeFile(join(directory, 'token'), 'service-account-token');
  });
  after(() => rm(directory, { recursive: true }));

  beforeEach(async () => {
    api = await new FakeApiServer({ key: certificate.key, cert: certificate.certificate }).start();
  });
  afterEach(async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await api.stop();
  });

  function start(timeoutMs = 60_000): void {
    lines = [];
    child = spawn(process.execPath, [MAIN], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        KUBERNETES_SERVICE_HOST: 'localhost',
        KUBERNETES_SERVICE_PORT: String(api.port),
        QUEUE_SPLITTER_SERVICE_ACCOUNT_DIRECTORY: directory,
        QUEUE_SPLITTER_NAMESPACE: 'ops',
        QUEUE_SPLITTER_UNINSTALL_TIMEOUT_MS: String(timeoutMs),
      },
    });
    createInterface({ input: child.stdout ?? assert.fail() }).on('line', (line) => lines.push(JSON.parse(line)));
  }

  async function end(): Promise<number | null> {
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  const putSplit = () => {
    const condition = { type: 'Progressing', status: 'True', message: 'waits for the target to read 3 messages' };
    api.put(SPLIT, { spec: { phase: 'Draining' }, status: { conditions: [condition] } } as never);
  };
  const waits = () => waitFor('it waits', () => lines.some(({ msg }) => /^waiting for/.test(String(msg))), soon);

  it('marks, waits for the last split, takes the mark away, and all is well', async () => {
    putSplit();
    start();
    await waits();
    assert.ok(api.object(MARK), 'sessions end while it is there');
    assert.match(
      String(lines[0]?.['msg']),
      /shop\/deployment-orders-worker \(Draining: waits for the target to read 3/,
    );
    api.remove(SPLIT);
    assert.equal(await end(), 0);
    assert.equal(api.object(MARK), undefined);
  });

  it('fails with what is left when its time is over, and sessions may start again', async () => {
    putSplit();
    start(0);
    assert.equal(await end(), 1);
    assert.match(JSON.stringify(lines.at(-1)), /Splits are left: shop\/deployment-orders-worker \(Draining/);
    assert.equal(api.object(MARK), undefined);
  });

  it('fails, too, when its node is drained: Helm must not take the controller away from a split', async () => {
    putSplit();
    start();
    await waits();
    child.kill('SIGTERM');
    assert.equal(await end(), 1);
    assert.match(JSON.stringify(lines.at(-1)), /Splits are left/);
    assert.equal(api.object(MARK), undefined);
  });

  it('does not give up because the API server is away for a moment', async () => {
    putSplit();
    start();
    await waits();
    await api.failNext(isList, (response) => status(response, 503, 'ServiceUnavailable', 'the server is starting'));
    await api.failNext(isList, (response) => response.destroy());
    api.remove(SPLIT);
    assert.equal(await end(), 0);
  });

  it('gives up at once when it may not look', async () => {
    void api.failNext(isList, (response) => status(response, 403, 'Forbidden', 'not allowed'));
    start();
    assert.equal(await end(), 1);
    assert.match(JSON.stringify(lines.at(-1)), /PermissionDenied/);
  });
});
