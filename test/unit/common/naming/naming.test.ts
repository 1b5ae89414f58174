import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  DEFAULT_TOPIC_FORMAT,
  kafkaTopicName,
  parseTopicFormat,
  temporaryGroupName,
  transactionalIdPrefix,
} from '../../../../common/naming/kafka.ts';
import { claimName, splitName, splitToken } from '../../../../common/naming/kubernetes.ts';
import { randomDigits } from '../../../../common/naming/random.ts';
import { sqsQueueName } from '../../../../common/naming/sqs.ts';
import { fc } from '../../../random.ts';

const RANDOM = '1234567890';
const role = fc.constantFrom('fallback' as const, 'session' as const);
const text = (characters: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength });
const queueName = text('abcXYZ019_-', 80);
const topicName = text('abcXYZ019._-', 249);
const objectName = fc
  .stringMatching(/^[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?$/)
  .filter((name) => !/\.[.-]|-\./.test(name));

describe('names of SQS queues', () => {
  it('say what they are', () => {
    assert.equal(sqsQueueName('orders', 'fallback', RANDOM), 'mirrord-1234567890-fallback-orders');
    assert.equal(sqsQueueName('orders.fifo', 'session', RANDOM), 'mirrord-1234567890-orders.fifo');
  });

  it('are legal, keep .fifo and begin with mirrord-', () => {
    fc.assert(
      fc.property(queueName, fc.boolean(), role, (name, fifo, which) => {
        const made = sqsQueueName(fifo ? `${name.slice(0, 75)}.fifo` : name, which, RANDOM);
        assert.ok(made.length <= 80, `${made.length}`);
        assert.match(made, fifo ? /^mirrord-[A-Za-z0-9_-]+\.fifo$/ : /^mirrord-[A-Za-z0-9_-]+$/);
        assert.equal(made.includes('-fallback-'), which === 'fallback');
      }),
    );
  });

  it('keep long originals apart', () => {
    const long = 'a'.repeat(79);
    assert.notEqual(sqsQueueName(`${long}b`, 'session', RANDOM), sqsQueueName(`${long}c`, 'session', RANDOM));
  });
});

describe('names of topics', () => {
  const format = parseTopicFormat(DEFAULT_TOPIC_FORMAT);

  it('are those of mirrord', () => {
    assert.equal(kafkaTopicName(format, 'orders', 'fallback', RANDOM), 'mirrord-tmp-1234567890-fallback-orders');
    assert.equal(kafkaTopicName(format, 'orders', 'session', RANDOM), 'mirrord-tmp-1234567890-orders');
    assert.equal(temporaryGroupName(format, 'orders-group', RANDOM), 'mirrord-tmp-1234567890-orders-group');
  });

  it('are legal and keep different originals apart', () => {
    fc.assert(
      fc.property(topicName, topicName, role, (one, other, which) => {
        const made = kafkaTopicName(format, one, which, RANDOM);
        assert.ok(made.length <= 249);
        assert.match(made, /^mirrord-tmp-[A-Za-z0-9._-]+$/);
        assert.equal(made === kafkaTopicName(format, other, which, RANDOM), one === other);
      }),
    );
  });

  it('follow a format of the user, in any order', () => {
    const own = parseTopicFormat('tmp.{{ ORIGINAL_TOPIC }}{{FALLBACK}}{{RANDOM}}');
    assert.equal(kafkaTopicName(own, 'orders', 'session', '42'), 'tmp.orders-42');
  });

  it('refuse formats that cannot work, saying why', () => {
    const cases: [string, RegExp][] = [
      ['mirrord-tmp-{{RANDOM}}{{ORIGINAL_TOPIC}}', /it lacks \{\{FALLBACK\}\}/],
      ['', /it lacks \{\{RANDOM\}\} and \{\{FALLBACK\}\} and \{\{ORIGINAL_TOPIC\}\}/],
      ['{{RANDOM}}{{FALLBACK}}{{ORIGINAL}}', /\{\{ORIGINAL\}\} is no variable/],
      ['a/{{RANDOM}}{{FALLBACK}}{{ORIGINAL_TOPIC}}', /only letters, digits/],
      [`${'a'.repeat(220)}{{RANDOM}}{{FALLBACK}}{{ORIGINAL_TOPIC}}`, /no room/],
    ];
    for (const [text, message] of cases)
      assert.throws(() => parseTopicFormat(text), { code: 'InvalidConfig', message });
  });

  it('transactional ids differ by split and queue', () => {
    const ids = [transactionalIdPrefix('u1', 'a'), transactionalIdPrefix('u1', 'b'), transactionalIdPrefix('u2', 'a')];
    assert.equal(new Set(ids).size, 3);
    assert.ok(transactionalIdPrefix('0'.repeat(64), 'k'.repeat(512)).length <= 200);
  });
});

describe('names of objects', () => {
  it('a split is named by kind and target', () => {
    assert.equal(splitName({ kind: 'Deployment', name: 'orders-worker' }), 'deployment-orders-worker');
  });

  it('are legal and differ for different targets', () => {
    const kind = fc.constantFrom('Deployment' as const, 'StatefulSet' as const, 'Rollout' as const);
    const target = fc.record({ kind, name: objectName });
    fc.assert(
      fc.property(target, target, (one, other) => {
        const made = splitName(one);
        assert.ok(made.length <= 253);
        assert.match(made, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
        assert.equal(made === splitName(other), one.kind === other.kind && one.name === other.name);
      }),
    );
  });

  it('a token changes with what the pods see and not with its order', () => {
    const one = { container: 'app', variable: 'A', value: '1' };
    const two = { container: 'app', variable: 'B', value: '2' };
    const token = splitToken('uid', [one, two]);
    assert.match(token, /^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    assert.equal(splitToken('uid', [two, one]), token);
    assert.notEqual(splitToken('other', [one, two]), token);
    assert.notEqual(splitToken('uid', [one]), token);
    assert.notEqual(splitToken('uid', [one, { ...two, value: '3' }]), token);
  });

  it('a claim is named by kind and identity', () => {
    assert.match(claimName('SQS', 'arn:aws:sqs:eu-north-1:314159265359:orders'), /^claim-sqs-[0-9a-f]{40}$/);
    assert.notEqual(claimName('SQS', 'a'), claimName('Kafka', 'a'));
  });
});

describe('randomDigits', () => {
  it('asks for ten digits', () => {
    let next = 0;
    assert.equal(
      randomDigits((limit) => next++ % limit),
      '0123456789',
    );
    assert.match(randomDigits(), /^\d{10}$/);
  });
});
