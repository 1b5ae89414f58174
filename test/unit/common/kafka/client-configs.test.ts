import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { createPropertiesResolver } from '../../../../common/kafka/client-configs.ts';
import type { KubeClient } from '../../../../common/kube/types.ts';
import { silentLog } from '../silent-log.ts';

const NAMESPACE = 'queue-splitter';
const SECRET_VALUE = 'hunter2';

/** An API server that has one config and answers about Secrets as told. */
function resolver(spec: unknown, secret: () => Promise<unknown>) {
  const log = silentLog();
  const client = {
    list: async () => ({ items: [{ metadata: { name: 'shop' }, spec }], resourceVersion: '1' }),
    get: secret,
  } as unknown as Pick<KubeClient, 'get' | 'list'>;
  const resolve = createPropertiesResolver(client, NAMESPACE, log);
  return {
    resolve: () => resolve({ clientConfig: 'shop' }),
    lines: () => log.entries.map(({ message }) => String(message)),
  };
}

const SPEC = {
  loadFromSecret: `${NAMESPACE}/login`,
  properties: [
    { name: 'bootstrap.servers', value: 'kafka:9092' },
    { name: 'linger.mz', value: SECRET_VALUE },
    { name: 'group.id', value: 'orders' },
  ],
};

describe('client configs', () => {
  it('become properties with those of their Secret; what has no effect is named once, without its value', async () => {
    const data = { 'sasl.username': Buffer.from('shop').toString('base64') };
    const { resolve, lines } = resolver(SPEC, async () => ({ metadata: { name: 'login' }, data }));
    await resolve();
    assert.equal((await resolve()).get('sasl.username'), 'shop');
    const [first, second, ...others] = lines();
    assert.deepEqual(others, []);
    assert.match(first ?? '', /^MirrordKafkaClientConfig shop: linger\.mz is not known/);
    assert.match(second ?? '', /group\.id has no effect/);
    assert.ok(!lines().join().includes(SECRET_VALUE));
  });

  it('say which chart value a Secret is missing in, whether it is forbidden or not there', async () => {
    const forbidden = resolver(SPEC, async () => {
      throw new SplitterError('PermissionDenied', 'Cannot get secrets: forbidden.', { details: { status: 403 } });
    });
    await assert.rejects(forbidden.resolve(), { code: 'PermissionDenied', message: /operator\.kafkaSecrets/ });
    const missing = resolver(SPEC, async () => undefined);
    await assert.rejects(missing.resolve(), { code: 'CredentialsMissing', message: /operator\.kafkaSecrets/ });
  });

  it('refuse Secrets of other namespaces', async () => {
    const { resolve } = resolver({ ...SPEC, loadFromSecret: 'shop/login' }, async () => assert.fail('nothing is read'));
    await assert.rejects(resolve(), { code: 'PermissionDenied', message: /operator's namespace queue-splitter/ });
  });
});
