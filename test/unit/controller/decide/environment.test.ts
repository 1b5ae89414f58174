// What variables get when their queues are swapped: each reference keeps its form, and only the queue that is meant changes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QueueVariable, SplitQueue } from '../../../../api/kinds/workload-split.ts';
import { environmentFor, sessionEnvironmentFor } from '../../../../controller/decide/environment.ts';
import { sqsQueue } from '../bench.ts';

const ARN = 'arn:aws:sqs:eu-west-1:123456789012:orders';
const URL = 'https://sqs.eu-west-1.amazonaws.com/123456789012';

const variable = (name: string, original: string, more: Partial<QueueVariable> = {}): QueueVariable => ({
  container: 'app',
  variable: name,
  format: 'Plain',
  original,
  origin: 'env value',
  ...more,
});

const queue = (key: string, variables: QueueVariable[], more: Partial<SplitQueue> = {}): SplitQueue =>
  sqsQueue(key, { variables, fallback: { name: `mirrord-${key}`, url: `${URL}/mirrord-${key}` }, ...more });

const values = (...queues: SplitQueue[]): Record<string, string> =>
  Object.fromEntries(
    environmentFor(queues, ({ fallback }) => fallback).map(({ container, variable: name, value }) => [
      `${container} ${name}`,
      value,
    ]),
  );

describe('the environment of a split', () => {
  it('keeps the form that the application is used to', () => {
    const orders = queue('orders', [
      variable('NAME', 'orders'),
      variable('URL', `${URL}/orders`),
      variable('ARN', ARN),
    ]);
    assert.deepEqual(values(orders), {
      'app NAME': 'mirrord-orders',
      'app URL': `${URL}/mirrord-orders`,
      'app ARN': 'arn:aws:sqs:eu-west-1:123456789012:mirrord-orders',
    });
  });

  it('tells containers apart, and leaves out what has no place', () => {
    const both = [variable('QUEUE', 'orders'), variable('QUEUE', 'orders', { container: 'web' })];
    assert.deepEqual(values(queue('orders', both)), { 'app QUEUE': 'mirrord-orders', 'web QUEUE': 'mirrord-orders' });
    assert.deepEqual(
      environmentFor([queue('orders', both)], () => undefined),
      [],
    );
  });

  it('says what was there before, and where it came from', () => {
    const [entry] = environmentFor([queue('orders', [variable('QUEUE', 'orders')])], ({ fallback }) => fallback);
    assert.deepEqual([entry?.original, entry?.origin], ['orders', 'env value']);
  });
});

describe('the environment of a session', () => {
  it('has its own group where it has one, and none else', () => {
    const views = queue('views', [variable('TOPIC', 'views')], {
      kind: 'Kafka',
      original: { name: 'views', group: 'workers' },
      groupVariables: [variable('GROUP', 'workers')],
    });
    const render = (group?: string): string[] =>
      sessionEnvironmentFor([views], () => ({ name: 'mirrord-1-views', ...(group ? { group } : {}) })).map(
        ({ variable: name, value }) => `${name}=${value}`,
      );
    assert.deepEqual(render('mirrord-1-workers'), ['TOPIC=mirrord-1-views', 'GROUP=mirrord-1-workers']);
    assert.deepEqual(render(), ['TOPIC=mirrord-1-views']);
  });
});

const BUNDLE: Omit<QueueVariable, 'original'> = {
  container: 'app',
  variable: 'QUEUES',
  format: 'JsonMap',
  origin: 'env value',
};

function bundled(key: string, url: string, original: string, kind: 'SQS' | 'Kafka' = 'SQS'): SplitQueue {
  const name = url.split('/').at(-1) ?? '';
  return {
    key,
    id: 'bundle',
    kind,
    connection: {},
    variables: [{ ...BUNDLE, original }],
    groupVariables: [],
    original: { name, url },
    fallback: { name: `mirrord-${key}`, url: url.replace(name, `mirrord-${key}`) },
    routes: [],
    forwarding: 'Forward',
  };
}

const valuesOf = (queues: SplitQueue[]) =>
  environmentFor(queues, ({ fallback }) => fallback).map(({ value }) => JSON.parse(value) as unknown);

describe('a JSON map', () => {
  it('swaps several queues of one JSON map, each in the form it was named in, and leaves the others', () => {
    const [a, b] = [
      'https://sqs.eu-west-1.amazonaws.com/111111111111/a',
      'https://sqs.eu-west-1.amazonaws.com/111111111111/b',
    ];
    const original = JSON.stringify({ a: 'a', url: b, arn: 'arn:aws:sqs:eu-west-1:111111111111:b', other: 'c' });
    assert.deepEqual(valuesOf([bundled('A', a, original), bundled('B', b, original)]), [
      {
        a: 'mirrord-A',
        url: 'https://sqs.eu-west-1.amazonaws.com/111111111111/mirrord-B',
        arn: 'arn:aws:sqs:eu-west-1:111111111111:mirrord-B',
        other: 'c',
      },
    ]);
  });

  it('tells queues of one name in several regions and accounts apart', () => {
    const here = 'https://sqs.eu-west-1.amazonaws.com/111111111111/orders';
    const there = 'https://sqs.us-east-1.amazonaws.com/111111111111/orders';
    const theirs = 'https://sqs.eu-west-1.amazonaws.com/222222222222/orders';
    const original = JSON.stringify({ here, there, theirs });
    assert.deepEqual(
      valuesOf([bundled('H', here, original), bundled('T', there, original), bundled('O', theirs, original)]),
      [
        {
          here: here.replace('orders', 'mirrord-H'),
          there: there.replace('orders', 'mirrord-T'),
          theirs: theirs.replace('orders', 'mirrord-O'),
        },
      ],
    );
  });
});
