import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SplitSession, SplitSessionStatus } from '../../../api/kinds/split-session.ts';
import { newSteps, readyLines } from '../../../cli/progress.ts';

const condition = (type: string, status: 'True' | 'False', message: string) => ({
  type,
  status,
  message,
  reason: 'Because',
  lastTransitionTime: '2026-03-01T12:00:00Z',
});

test('only what is new is told', () => {
  const first: SplitSessionStatus = {
    phase: 'Preparing',
    message: 'Creating the queues.',
    conditions: [condition('Prepared', 'False', 'Creating the queues.')],
  };
  assert.deepEqual(newSteps(undefined, first), [{ step: 'Prepared', state: 'doing', message: 'Creating the queues.' }]);
  assert.deepEqual(newSteps(first, first), []);

  const second: SplitSessionStatus = {
    phase: 'Restarting',
    message: 'Waiting for the pods.',
    pods: { patched: 1, total: 3 },
    conditions: [condition('Prepared', 'True', '2 queues made.')],
  };
  assert.deepEqual(newSteps(first, second), [
    { step: 'Prepared', state: 'done', message: '2 queues made.' },
    {
      step: 'Restarting',
      state: 'doing',
      message: 'Waiting for the pods.',
      pods: { patched: 1, total: 3 },
    },
  ]);
});

test('a condition without a sentence shows its reason; Ready and Failed are told elsewhere', () => {
  assert.deepEqual(newSteps(undefined, { conditions: [condition('Patched', 'False', '')] }), [
    { step: 'Patched', state: 'doing', message: 'Because' },
  ]);
  assert.deepEqual(newSteps(undefined, { phase: 'Failed', message: 'no' }), []);
  assert.deepEqual(newSteps(undefined, { phase: 'Ready', conditions: [condition('Ready', 'True', 'Ready.')] }), []);
  assert.deepEqual(newSteps(undefined, { conditions: [condition('RouteRemoved', 'False', 'x')] }), []);
});

test('a ready session shows each queue with the filter that it came from', () => {
  const session: SplitSession = {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'SplitSession',
    metadata: { name: 'a' },
    spec: {
      target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'w' },
      queues: [
        { id: '*', kind: 'SQS', filter: { tenant: '^alice$', region: 'eu' }, mode: 'steal' },
        { id: 'orders', kind: 'Kafka', filter: {}, mode: 'steal' },
      ],
    },
    status: {
      queues: [
        {
          id: 'orders',
          kind: 'SQS',
          original: 'https://sqs.eu.example/1/orders',
          session: 'http://q/1/mirrord-1-orders',
        },
        { id: 'orders', kind: 'Kafka', original: 'orders', session: 'mirrord-tmp-1' },
      ],
    },
  };
  assert.deepEqual(readyLines(session, { ORDERS_QUEUE: 'http://q/1' }), [
    'orders (SQS orders): tenant ~ ^alice$ and region ~ eu → mirrord-1-orders',
    'orders (Kafka orders): empty filter, matches nothing → mirrord-tmp-1',
    'ORDERS_QUEUE=http://q/1',
  ]);
});
