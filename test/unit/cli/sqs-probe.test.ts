import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { startFauxqs } from 'fauxqs';
import { probeSqs, probeSqsQueue } from '../../../cli/sqs-probe.ts';

// The SDK reads its settings from the process environment, as the command will: that is what is tested.
const VARIABLES = [
  'AWS_ENDPOINT_URL',
  'AWS_REGION',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'HOME',
  'AWS_EC2_METADATA_DISABLED',
];
const before = VARIABLES.map((name) => [name, process.env[name]] as const);

function set(values: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

beforeEach(() => {
  set({
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'y',
    HOME: '/nonexistent',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
});
afterEach(() => set(Object.fromEntries(before)));

test('an endpoint that answers, and a queue that is there or not', async (t) => {
  const server = await startFauxqs({ port: 0, logger: false });
  t.after(() => server.stop());
  const endpoint = `http://127.0.0.1:${server.port}`;
  set({ AWS_ENDPOINT_URL: endpoint });
  await probeSqs();
  server.createQueue('session', { region: 'eu-central-1' });
  await probeSqsQueue('session');
  await probeSqsQueue('arn:aws:sqs:eu-central-1:000000000000:session');
  await probeSqsQueue(`${endpoint}/000000000000/session`);
  await assert.rejects(probeSqsQueue(`${endpoint}/000000000000/other`), { code: 'QueueNotFound' });
});

test('nobody there', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  set({ AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` });
  await assert.rejects(probeSqs(), { code: 'BrokerUnreachable', message: /SQS cannot be reached from this machine/ });
});

test('credentials that AWS does not accept', async (t) => {
  const server = createServer((_request, response) => {
    response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: 'com.amazon.coral.service#ExpiredTokenException', message: 'expired' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  set({ AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  await assert.rejects(probeSqs(), { code: 'CredentialsMissing', message: /does not accept/ });
});

test('no credentials, no region', async () => {
  set({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined });
  await assert.rejects(probeSqs(), { code: 'CredentialsMissing', message: /has no AWS credentials/ });
  set({ AWS_REGION: undefined });
  await assert.rejects(probeSqs(), { code: 'InvalidConfig', message: /No AWS region/ });
});
