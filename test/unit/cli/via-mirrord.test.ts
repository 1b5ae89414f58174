import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mirrordConfig } from '../../../cli/via-mirrord.ts';

const target = { path: 'deployment/w/container/app', namespace: 'shop' };

test('only the split, the target and our variables change', () => {
  const written = {
    operator: false,
    agent: { flush_connections: true },
    target: 'deployment/other',
    feature: {
      network: { incoming: 'mirror' },
      split_queues: { orders: {} },
      env: { include: 'A;B', override: { X: '1' } },
    },
  };
  const copy = structuredClone(written);
  assert.deepEqual(mirrordConfig(written, { ...target, kubeconfig: '/k', context: 'dev' }, { ORDERS: 'q' }), {
    operator: false,
    agent: { flush_connections: true },
    target,
    kubeconfig: '/k',
    kube_context: 'dev',
    feature: { network: { incoming: 'mirror' }, env: { include: 'A;B', override: { X: '1', ORDERS: 'q' } } },
  });
  assert.deepEqual(written, copy, 'the written one is not touched');
});

test('every form of feature.env keeps its meaning', () => {
  const env = (value: unknown) => {
    const { feature } = mirrordConfig({ feature: { env: value } }, target, { Q: 'q' });
    return (feature as { env: unknown }).env;
  };
  assert.deepEqual(env(undefined), { override: { Q: 'q' } });
  assert.deepEqual(env(true), { override: { Q: 'q' } });
  assert.deepEqual(env(false), { exclude: '*', override: { Q: 'q' } });
  assert.deepEqual(env({ exclude: 'S*', override: { Q: 'own' } }), { exclude: 'S*', override: { Q: 'q' } });
});
