/** What variables get when their queues are swapped: each reference keeps its form, and only the queue that is meant changes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QueueVariable, SplitQueue } from '../../../../api/kinds/workload-split.ts';
import { environmentFor } from '../../../../controller/decide/environment.ts';

const BUNDLE: Omit<QueueVariable, 'original'> = {
  container: 'app',
  variable: 'QUEUES',
  format: 'JsonMap',
  origin: 'env value',
};

function queue(key: string, url: string, original: string, kind: 'SQS' | 'Kafka' = 'SQS'): SplitQueue {
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

describe('environmentFor', () => {
  it('swaps several queues of one JSON map, each in the form it was named in, and leaves the others', () => {
    const [a, b] = [
      'https://sqs.eu-west-1.amazonaws.com/111111111111/a',
      'https://sqs.eu-west-1.amazonaws.com/111111111111/b',
    ];
    const original = JSON.stringify({ a: 'a', url: b, arn: 'arn:aws:sqs:eu-west-1:111111111111:b', other: 'c' });
    assert.deepEqual(valuesOf([queue('A', a, original), queue('B', b, original)]), [
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
      valuesOf([queue('H', here, original), queue('T', there, original), queue('O', theirs, original)]),
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
