import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumLag } from '../../../cluster/stage/lag.ts';

test('the lag is summed over partitions and replicas, by queue, role and session', () => {
  const page = [
    '# TYPE queue_splitter_lag_messages gauge',
    'queue_splitter_lag_messages{queue_type="Kafka",namespace="shop",workload="w",queue="orders",role="original",session="",partition="0"} 2',
    'queue_splitter_lag_messages{queue_type="Kafka",namespace="shop",workload="w",queue="orders",role="original",session="",partition="1"} 3',
    'queue_splitter_lag_messages{queue_type="SQS",namespace="shop",workload="w",queue="orders",role="session",session="alice-1",partition=""} 7',
    'queue_splitter_messages_routed_total{queue_type="SQS"} 100',
    '',
  ].join('\n');
  assert.deepEqual(sumLag(page), [
    { kind: 'Kafka', queue: 'orders', role: 'original', session: '', messages: 5 },
    { kind: 'SQS', queue: 'orders', role: 'session', session: 'alice-1', messages: 7 },
  ]);
});
