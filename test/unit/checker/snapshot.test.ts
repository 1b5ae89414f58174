import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeDifferences, diffSnapshots } from '../../checker/snapshot.ts';
import { snapshotCluster } from '../../checker/snapshot-cluster.ts';

describe('the difference of two snapshots', () => {
  const before = { 'sqs/orders': 'exists', 'sqs/orders/VisibilityTimeout': '30', 'kafka/group/g': 'consumer' };

  it('is empty for the same world', () => {
    assert.deepEqual(diffSnapshots(before, { ...before }, []), { differences: [], allowed: [], unused: [] });
  });

  it('names what came, went and changed', () => {
    const after = { 'sqs/orders': 'exists', 'sqs/orders/VisibilityTimeout': '5', 'sqs/mirrord-1': 'exists' };
    const { differences } = diffSnapshots(before, after, []);
    assert.equal(
      describeDifferences(differences),
      '- kafka/group/g = consumer\n+ sqs/mirrord-1 = exists\n~ sqs/orders/VisibilityTimeout: 30 → 5',
    );
  });

  it('shows of long values the part that differs', () => {
    const long = 'x'.repeat(1000);
    const { differences } = diffSnapshots({ spec: `${long}a` }, { spec: `${long}b` }, []);
    assert.equal(describeDifferences(differences), `~ spec: …${'x'.repeat(20)}a → …${'x'.repeat(20)}b`);
  });

  it('lets the allowed ones pass and names allowances that cover nothing', () => {
    const used = { path: /^kafka\/group\/g$/, because: 'the group expired' };
    const unused = { path: /^nothing/, because: 'nobody knows' };
    const result = diffSnapshots(before, { 'sqs/orders': 'exists', 'sqs/orders/VisibilityTimeout': '30' }, [
      used,
      unused,
    ]);
    assert.deepEqual(result.differences, []);
    assert.equal(result.allowed.length, 1);
    assert.deepEqual(result.unused, [unused]);
  });
});

describe('the snapshot of a cluster', () => {
  const items: Record<string, object[]> = {
    mutatingwebhookconfigurations: [
      {
        metadata: { name: 'splitter' },
        webhooks: [{ name: 'one.split', clientConfig: { caBundle: 'AAA', service: { name: 's' } }, rules: [] }],
      },
    ],
    namespaces: [{ metadata: { name: 'shop', finalizers: ['x'] } }, { metadata: { name: 'other' } }],
    'deployments.apps': [{ metadata: { name: 'orders', annotations: { a: 'b' } }, spec: { replicas: 3 }, status: {} }],
    'leases.coordination.k8s.io': [{ metadata: { name: 'l', namespace: 'kube-system' }, spec: { renewTime: 'now' } }],
    pods: [{ metadata: { name: 'orders-1', labels: { app: 'orders', 'pod-template-hash': '1' } } }],
  };
  const kubectl = async ([, resource = '']: readonly string[]): Promise<string> => {
    if (resource.startsWith('splitsessions'))
      throw new Error(`error: the server doesn't have a resource type "${resource}"`);
    return JSON.stringify({ items: items[resource] ?? [] });
  };

  it('is flat, without what changes by itself', async () => {
    assert.deepEqual(await snapshotCluster(kubectl, { namespaces: ['shop'] }), {
      'cluster/mutatingwebhookconfigurations/splitter': 'exists',
      'cluster/mutatingwebhookconfigurations/splitter/entry/one.split':
        '{"clientConfig":{"service":{"name":"s"}},"name":"one.split","rules":[]}',
      'cluster/namespaces/shop': 'exists',
      'cluster/namespaces/shop/finalizer/x': 'set',
      'cluster/shop/deployments.apps/orders': 'exists',
      'cluster/shop/deployments.apps/orders/annotation/a': 'b',
      'cluster/shop/deployments.apps/orders/spec': '{"replicas":3}',
      'cluster/shop/pods/any/app/orders': 'seen',
      'cluster/kube-system/leases.coordination.k8s.io/l': 'exists',
    });
  });

  it('fails when the API server does', async () => {
    const broken = () => Promise.reject(new Error('connection refused'));
    await assert.rejects(snapshotCluster(broken, { namespaces: [] }), /connection refused/);
  });
});
