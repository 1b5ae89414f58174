import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionQueue } from '../../../api/kinds/split-session.ts';
import type { SplitPhase } from '../../../api/kinds/workload-split.ts';
import { describeRestart, lookAhead, restartOutlook } from '../../../cli/target.ts';
import { DEPLOYMENTS, WORKLOAD_SPLITS } from '../../../common/kube/resources.ts';
import { FakeCluster, refusals } from './support/fake-cluster.ts';
import { splitWith } from './support/objects.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment' as const, name: 'orders-worker' };
const asks = (id: string, kind: 'SQS' | 'Kafka' = 'SQS'): SessionQueue => ({ id, kind, filter: {}, mode: 'steal' });
const workload = { metadata: { name: 'orders-worker', namespace: 'shop' }, spec: { replicas: 3 } };

test('a split in a patching phase that covers the queues needs no restart; every other case does', () => {
  const outlook = (phase: SplitPhase, queue: SessionQueue) => {
    const split = splitWith([]);
    split.spec.phase = phase;
    return restartOutlook(split, [queue], workload).restart;
  };
  assert.equal(restartOutlook(undefined, [asks('orders')], workload).restart, 'certain');
  for (const phase of ['Patching', 'Splitting', 'Warm', 'Draining'] as const) {
    assert.equal(outlook(phase, asks('orders')), 'none', phase);
  }
  for (const phase of ['Preparing', 'Restoring', 'Cleaning', 'Abandoned'] as const) {
    assert.equal(outlook(phase, asks('orders')), 'certain', phase);
  }
  assert.equal(outlook('Splitting', asks('refunds')), 'certain');
  assert.equal(outlook('Splitting', asks('orders', 'Kafka')), 'certain');
  assert.equal(outlook('Splitting', asks('*')), 'possible');
});

test('a workload without pods restarts nothing', () => {
  assert.equal(restartOutlook(undefined, [asks('orders')], { ...workload, spec: { replicas: 0 } }).restart, 'none');
});

test('the sentence counts pods where it can', () => {
  const outlook = { restart: 'certain', because: 'it is not split yet' } as const;
  assert.equal(
    describeRestart({ ...outlook, pods: 3 }, target, 'shop'),
    'restarting 3 pods of orders-worker in shop (it is not split yet)',
  );
  assert.equal(
    describeRestart({ ...outlook, pods: 1 }, target, 'shop'),
    'restarting 1 pod of orders-worker in shop (it is not split yet)',
  );
  assert.match(
    describeRestart({ ...outlook, pods: undefined }, target, 'shop'),
    /^restarting the pods of orders-worker/,
  );
  assert.match(
    describeRestart({ ...outlook, restart: 'possible', pods: 2 }, target, 'shop'),
    /^perhaps restarting 2 pods/,
  );
});

test('a target that is not there is refused; one that may not be read gets the careful answer', async () => {
  const client = new FakeCluster();
  await assert.rejects(lookAhead(client, 'shop', target, [asks('orders')]), {
    code: 'TargetNotFound',
    message: 'There is no Deployment orders-worker in namespace shop',
  });
  client.seed(DEPLOYMENTS, workload);
  client.seed(WORKLOAD_SPLITS, splitWith([]));
  assert.deepEqual(await lookAhead(client, 'shop', target, [asks('orders')]), {
    restart: 'none',
    pods: 3,
    because: 'its split is there already',
  });
  client.refuse = refusals.denied;
  const careful = await lookAhead(client, 'shop', target, [asks('orders')]);
  assert.deepEqual([careful.restart, careful.pods], ['certain', undefined]);
});
