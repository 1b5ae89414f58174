import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRequest, requestOf } from '../../../cli/config.ts';
import type { MirrordConfig } from '../../../common/mirrord-config/parse.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment' as const, name: 'w' };
const config: MirrordConfig = {
  target,
  namespace: 'file-ns',
  key: 'file-key',
  kubeconfig: '/file',
  queues: [{ id: 'orders', kind: 'SQS', filter: {}, mode: 'steal' }],
  ignored: ['agent'],
  unknown: [],
  content: {},
};

test('options go before the file', () => {
  const fromFile = requestOf(config, {}, 'alice', 'mirrord.json');
  assert.deepEqual(
    [fromFile.target, fromFile.namespace, fromFile.key, fromFile.cluster],
    [target, 'file-ns', 'file-key', { kubeconfig: '/file' }],
  );
  const options = { target: 'statefulset/x/container/c', namespace: 'ns', key: 'k', kubeconfig: '/k', context: 'dev' };
  const fromOptions = requestOf(config, options, 'alice', 'mirrord.json');
  assert.deepEqual(fromOptions.target, { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'x', container: 'c' });
  assert.deepEqual(
    [fromOptions.namespace, fromOptions.key, fromOptions.cluster],
    ['ns', 'k', { kubeconfig: '/k', context: 'dev' }],
  );
});

test('the user’s name is the last resort for the key', () => {
  const { key: _key, ...keyless } = config;
  assert.equal(requestOf(keyless, {}, 'alice', 'f').key, 'alice');
});

test('without target or queues there is nothing to do', () => {
  const { target: _target, ...untargeted } = config;
  assert.throws(() => requestOf(untargeted, {}, 'alice', 'f.json'), {
    code: 'InvalidConfig',
    message: 'f.json names no target',
  });
  assert.throws(() => requestOf({ ...config, queues: [] }, {}, 'alice', 'f.json'), /asks for no queue/);
  assert.throws(() => requestOf({ ...untargeted, unknown: ['taget (line 3)'] }, {}, 'alice', 'f.json'), {
    message: 'f.json names no target; what it has and nobody knows: taget (line 3)',
  });
});

test('the file is read from where the command runs, templates see key and environment', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'qsplit-config-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = { environment: { REGION: 'eu' }, workingDirectory: folder, user: 'alice' };
  const filter = `{ "tenant": "^{{ key }}$", "region": "{{ get_env(name='REGION') }}" }`;
  writeFileSync(
    join(folder, 'm.json'),
    `{ // comment\n "target": "deployment/w", "feature": { "split_queues": { "orders": { "queue_type": "SQS", "message_filter": ${filter}, } } } }`,
  );
  const request = await readRequest({ file: 'm.json' }, source);
  assert.deepEqual(request.queues[0]?.filter, { tenant: '^alice$', region: 'eu' });
  writeFileSync(
    join(folder, 'k.json'),
    `{ "key": "team-{{ user }}", "target": "deployment/w", "feature": { "split_queues": { "orders": { "queue_type": "SQS", "message_filter": ${filter} } } } }`,
  );
  const ofFile = await readRequest({ file: 'k.json' }, source);
  assert.deepEqual([ofFile.key, ofFile.queues[0]?.filter['tenant']], ['team-alice', '^team-alice$']);
  const ofOption = await readRequest({ file: 'k.json', key: 'bob' }, source);
  assert.deepEqual([ofOption.key, ofOption.queues[0]?.filter['tenant']], ['bob', '^bob$']);
  await assert.rejects(readRequest({}, source), /There is no file \.mirrord\/mirrord\.json/);
});
