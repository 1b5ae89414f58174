import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { entriesFor } from '../../../../controller/webhook-entries/entry.ts';
import { CLUSTER_UID, createBench, putSplit, sqsQueue } from '../bench.ts';

const SERVICE = { name: 'queue-splitter-webhook', namespace: 'queue-splitter', port: 443 };
const ENVIRONMENT = [{ container: 'app', variable: 'ORDERS_QUEUE', value: 'f', original: 'orders', origin: '' }];

const { kube } = createBench();
const patching = putSplit(kube, {
  phase: 'Patching',
  revision: 5,
  environmentRevision: 4,
  environment: ENVIRONMENT,
  queues: [sqsQueue('orders')],
});

describe('entriesFor', () => {
  it('makes the entry of a split, field by field', () => {
    assert.deepEqual(entriesFor([patching], CLUSTER_UID, SERVICE, 'Q0E='), [
      {
        name: 'uid-of-deployment-orders-worker.split.queuesplitter.dev',
        clientConfig: {
          service: { ...SERVICE, path: '/mutate/shop/deployment-orders-worker/uid-of-deployment-orders-worker/4' },
          caBundle: 'Q0E=',
        },
        rules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' },
        ],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
        objectSelector: { matchLabels: { app: 'orders-worker' } },
        matchConditions: [
          {
            name: 'owned-by-the-target',
            expression:
              "has(object.metadata.ownerReferences) && has(object.metadata.labels) && 'pod-template-hash' in object.metadata.labels && " +
              "object.metadata.ownerReferences.exists(owner, owner.kind == 'ReplicaSet' && owner.name == 'orders-worker' + '-' + object.metadata.labels['pod-template-hash'])",
          },
        ],
        failurePolicy: 'Fail',
        timeoutSeconds: 3,
        reinvocationPolicy: 'IfNeeded',
        sideEffects: 'None',
        matchPolicy: 'Equivalent',
        admissionReviewVersions: ['v1'],
      },
    ]);
  });

  it('knows that the name of a ReplicaSet is cut where the name of its Deployment is very long', () => {
    const name = 'x'.repeat(243);
    const target = { ...patching.spec.target, name };
    const [entry] = entriesFor([{ ...patching, spec: { ...patching.spec, target } }], CLUSTER_UID, SERVICE, '');
    const hash = "object.metadata.labels['pod-template-hash']";
    assert.ok(
      entry?.matchConditions[0]?.expression.includes(
        `owner.name == '${name}'.substring(0, 252 - size(${hash}) < 243 ? 252 - size(${hash}) : 243) + '-' + ${hash})`,
      ),
    );
  });

  it('makes none for a split that patches nothing', () => {
    const phases = ['Preparing', 'Restoring', 'Cleaning', 'Abandoned'] as const;
    const over = phases.map((phase) => ({ ...patching, spec: { ...patching.spec, phase } }));
    const empty = { ...patching, spec: { ...patching.spec, environment: [] } };
    assert.deepEqual(entriesFor([...over, empty], CLUSTER_UID, SERVICE, ''), []);
  });

  it('makes none for an object that was copied from elsewhere', () => {
    const renamed = { ...patching, metadata: { ...patching.metadata, uid: 'another' } };
    assert.deepEqual(entriesFor([renamed], CLUSTER_UID, SERVICE, ''), []);
    assert.deepEqual(entriesFor([patching], 'another cluster', SERVICE, ''), []);
  });

  it('keeps one order, whatever order the splits come in', () => {
    const other = putSplit(
      kube,
      { ...patching.spec, incarnation: { clusterUid: CLUSTER_UID, selfUid: 'uid-of-a' } },
      'a',
    );
    const names = (splits: (typeof other)[]): string[] =>
      entriesFor(splits, CLUSTER_UID, SERVICE, '').map(({ name }) => name);
    assert.equal(names([other, patching]).length, 2);
    assert.deepEqual(names([other, patching]), names([patching, other]));
  });
});
