import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conclude, conclusionJson } from '../../../demo/conclusion.ts';
import type { History, ProducedLine, ReceivedLine } from '../../checker/history.ts';

const BODY = '{"id":"1"}';
const sent: ProducedLine = {
  id: '1',
  kind: 'sqs',
  source: 'orders',
  tenant: 'alice',
  key: null,
  seq: 1,
  body: BODY,
  attributes: [{ name: 'tenant', type: 'String', value: 'alice' }],
  attemptAt: 20,
  ackAt: 21,
  partition: null,
  offset: null,
};

function read(reader: string): ReceivedLine {
  const { source: _source, attemptAt: _attempt, ackAt: _ack, ...message } = sent;
  return { ...message, reader, instance: reader, readFrom: 'mirrord-1-orders', sentAt: 20, receivedAt: 30, arrival: 1 };
}

function history(received: ReceivedLine[]): History {
  const times = { startedAt: 1, readyAt: 10, endRequestedAt: 100, endedAt: 110 };
  return {
    produced: [sent],
    received,
    sessions: [
      { name: 'alice', reader: 'alice', kind: 'sqs', source: 'orders', filter: { tenant: '^alice$' }, ...times },
    ],
    workloads: [{ reader: 'orders-worker', kind: 'sqs', source: 'orders' }],
  };
}

const WORLD = { 'sqs/orders': 'exists' };

describe('the conclusion of the demo', () => {
  test('is good when every order reached its reader and the world is as before', () => {
    assert.equal(conclude(history([read('alice')]), WORLD, WORLD).ok, true);
  });

  test('is bad when an order is lost, in the wrong hands, or when a session got nothing', () => {
    assert.equal(conclude(history([]), WORLD, WORLD).ok, false);
    assert.equal(conclude(history([read('orders-worker')]), WORLD, WORLD).ok, false);
    const idle = { ...history([read('alice')]), produced: [{ ...sent, attemptAt: 1, ackAt: 2 }] };
    assert.equal(conclude({ ...idle, received: [read('orders-worker')] }, WORLD, WORLD).ok, false);
  });

  test('is bad when something is left behind, and names it as JSON', () => {
    const left = { ...WORLD, 'sqs/mirrord-1-orders': 'exists' };
    const conclusion = conclude(history([read('alice')]), WORLD, left);
    assert.equal(conclusion.ok, false);
    const json = JSON.parse(conclusionJson(conclusion, { kafka: false })) as Record<string, unknown>;
    assert.deepEqual(json['receivedBy'], { alice: 1 });
    assert.deepEqual(json['differences'], [{ path: 'sqs/mirrord-1-orders', after: 'exists' }]);
    assert.equal(json['kafka'], false);
  });
});
