import assert from 'node:assert/strict';
import { it } from 'node:test';
import { forwardingMetrics as metrics } from '../../../common/metrics/forwarding.ts';
import * as kafka from '../../../sidecar/kafka/meters.ts';
import * as sqs from '../../../sidecar/sqs/meters.ts';

const SPLIT = { namespace: 'shop', workload: 'orders-worker' };
const QUEUE = 'orders';
const GAUGES = [metrics.lag, metrics.inFlight, metrics.bufferedBytes, metrics.lastForward];

async function series(): Promise<number> {
  const all = await Promise.all(GAUGES.map((gauge) => gauge.get()));
  return all.flatMap(({ values }) => values).length;
}

it('a replica that lets go of an SQS queue shows no gauge of it any more', async () => {
  const meters = sqs.createMeters(SPLIT, QUEUE);
  meters.held(2, 100);
  meters.forwardedAt(1_000);
  meters.lag('original', '', { visible: 1, inFlight: 0, delayed: 0 });
  meters.lag('fallback', '', { visible: 1, inFlight: 0, delayed: 0 });
  assert.equal(await series(), 5);
  meters.forgetGauges();
  assert.equal(await series(), 0);
});

it('a replica that lets go of a Kafka queue shows no gauge of it any more', async () => {
  const meters = kafka.createMeters(SPLIT, QUEUE);
  meters.forwarded({ outputs: [], destinations: [], records: 1, bytes: 1, newestTimestamp: -1n }, 0.1, 1_000);
  meters.lag('original', '', 0, 1);
  meters.lag('session', 'alice', 1, 1);
  assert.equal(await series(), 3);
  meters.forgetGauges();
  assert.equal(await series(), 0);
});
