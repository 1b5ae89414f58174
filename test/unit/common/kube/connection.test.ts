import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inClusterConnection } from '../../../../common/kube/connection.ts';

describe('inClusterConnection', () => {
  let directory: string;
  let environment: Record<string, string>;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'queue-splitter-'));
    environment = {
      KUBERNETES_SERVICE_HOST: '10.0.0.1',
      KUBERNETES_SERVICE_PORT: '6443',
      QUEUE_SPLITTER_SERVICE_ACCOUNT_DIRECTORY: directory,
    };
  });
  after(() => rm(directory, { recursive: true }));

  it('says what is missing', async () => {
    await assert.rejects(inClusterConnection({}), { code: 'CredentialsMissing', message: /must run in a pod/ });
    await assert.rejects(inClusterConnection(environment), { message: /automountServiceAccountToken/ });
  });

  it('uses the token that is there at each request', async () => {
    await writeFile(join(directory, 'token'), 'first\n');
    await writeFile(join(directory, 'ca.crt'), 'the authority');
    const connection = await inClusterConnection(environment);
    assert.equal(connection.server, 'https://10.0.0.1:6443');
    assert.equal(connection.ca, 'the authority');
    assert.deepEqual(await connection.headers?.(), { authorization: 'Bearer first' });
    await writeFile(join(directory, 'token'), 'second');
    assert.deepEqual(await connection.headers?.(), { authorization: 'Bearer second' });
  });

  it('writes IPv6 addresses in brackets', async () => {
    const connection = await inClusterConnection({
      KUBERNETES_SERVICE_HOST: 'fd00::1',
      QUEUE_SPLITTER_SERVICE_ACCOUNT_DIRECTORY: directory,
    });
    assert.equal(connection.server, 'https://[fd00::1]:443');
  });
});
