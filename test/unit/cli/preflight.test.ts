import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import {
  type BrokerProbes,
  bootstrapServers,
  checkSessionQueues,
  preflight,
  probeTcp,
} from '../../../cli/preflight.ts';
import { SplitterError } from '../../../common/errors.ts';

const KAFKA = new Set(['Kafka']);

function probes(reachable: readonly string[] = []): BrokerProbes & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    sqs: async () => void asked.push('sqs'),
    sqsQueue: async (queue) => void asked.push(queue),
    tcp: async (host, port) => {
      asked.push(`${host}:${port}`);
      if (!reachable.includes(host)) throw new SplitterError('BrokerUnreachable', `no ${host}`);
    },
  };
}

test('bootstrap servers are recognised by name and form', () => {
  const servers = [{ host: 'a', port: 9092 }];
  for (const name of [
    'KAFKA_BROKERS',
    'KAFKA_BOOTSTRAP_SERVERS',
    'SPRING_KAFKA_BOOTSTRAP_SERVERS',
    'BOOTSTRAP_SERVERS',
    'KAFKA_BROKER_LIST',
  ]) {
    assert.deepEqual(bootstrapServers({ [name]: 'a:9092' }), [{ variable: name, servers }]);
  }
  assert.deepEqual(bootstrapServers({ KAFKA_BROKERS: 'PLAINTEXT://a:9092, [::1]:9093' })[0]?.servers, [
    ...servers,
    { host: '::1', port: 9093 },
  ]);
  for (const name of ['BROKERS', 'KAFKA_TOPIC', 'DATABASE_SERVERS'])
    assert.deepEqual(bootstrapServers({ [name]: 'a:9092' }), []);
  for (const value of ['', 'a', 'http://a/b', 'a:9092,b'])
    assert.deepEqual(bootstrapServers({ KAFKA_BROKERS: value }), []);
});

test('only brokers of the session’s kinds are asked', async () => {
  const asked = probes(['a']);
  await preflight(new Set(['SQS']), { KAFKA_BROKERS: 'a:9092' }, asked);
  assert.deepEqual(asked.asked, ['sqs']);
});

test('one bootstrap server that answers is enough', async () => {
  const result = await preflight(KAFKA, { KAFKA_BROKERS: 'b:9092,a:9092' }, probes(['a']));
  assert.deepEqual(result, { checked: ['Kafka answers at KAFKA_BROKERS'], unknown: [] });
});

test('none that answers is an error that points to mirrord', async () => {
  await assert.rejects(preflight(KAFKA, { KAFKA_BROKERS: 'b:1,c:2' }, probes()), (error: SplitterError) => {
    assert.equal(error.code, 'BrokerUnreachable');
    assert.match(error.message, /KAFKA_BROKERS.*b:1, c:2/);
    assert.match(String(error.details['hint']), /--via mirrord/);
    return true;
  });
});

test('what cannot be known is said', async () => {
  const { unknown } = await preflight(KAFKA, {}, probes());
  assert.equal(unknown.length, 1);
});

test('the session’s SQS queues are asked for, Kafka topics are not', async () => {
  const asked = probes();
  await checkSessionQueues(
    [
      { kind: 'SQS', id: 'a', session: 'http://q/1' },
      { kind: 'Kafka', id: 'b', session: 'topic' },
    ],
    asked,
  );
  assert.deepEqual(asked.asked, ['http://q/1']);
});

test('a connection is tried for real', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await probeTcp('127.0.0.1', port);
  server.close();
  await once(server, 'close');
  await assert.rejects(probeTcp('127.0.0.1', port), { code: 'BrokerUnreachable' });
});
