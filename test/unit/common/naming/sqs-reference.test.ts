import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseQueueReference, renderQueueReference } from '../../../../common/naming/sqs-reference.ts';

const ACCOUNT = '314159265359';

describe('parseQueueReference', () => {
  const cases: [string, object][] = [
    ['orders', { form: 'name', name: 'orders' }],
    ['orders.fifo', { form: 'name', name: 'orders.fifo' }],
    [
      `arn:aws:sqs:eu-north-1:${ACCOUNT}:orders`,
      { form: 'arn', name: 'orders', region: 'eu-north-1', account: ACCOUNT },
    ],
    [
      `arn:aws-us-gov:sqs:us-gov-west-1:${ACCOUNT}:orders.fifo`,
      { form: 'arn', name: 'orders.fifo', region: 'us-gov-west-1', account: ACCOUNT },
    ],
    [
      `https://sqs.eu-north-1.amazonaws.com/${ACCOUNT}/orders`,
      { form: 'url', name: 'orders', region: 'eu-north-1', account: ACCOUNT },
    ],
    [
      `https://sqs.cn-north-1.amazonaws.com.cn/${ACCOUNT}/orders`,
      { form: 'url', name: 'orders', region: 'cn-north-1', account: ACCOUNT },
    ],
    [
      `https://us-east-1.queue.amazonaws.com/${ACCOUNT}/orders`,
      { form: 'url', name: 'orders', region: 'us-east-1', account: ACCOUNT },
    ],
    [
      `https://vpce-0a-1b.sqs.us-east-1.vpce.amazonaws.com/${ACCOUNT}/orders`,
      { form: 'url', name: 'orders', region: 'us-east-1', account: ACCOUNT },
    ],
    ['http://localhost:4566/000000000000/orders', { form: 'url', name: 'orders', account: '000000000000' }],
    [
      'http://localhost:4566/queue/eu-west-1/000000000000/orders',
      { form: 'url', name: 'orders', region: 'eu-west-1', account: '000000000000' },
    ],
    ['http://elasticmq:9324/queue/orders', { form: 'url', name: 'orders' }],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${text}`, () => assert.deepEqual(parseQueueReference(text), { text, ...expected }));
  }

  it('refuses what is none of the three', () => {
    for (const text of [
      '',
      'a b',
      'orders.txt',
      'arn:aws:sns:eu-north-1:314159265359:topic',
      'https://host',
      'a'.repeat(81),
    ]) {
      assert.throws(() => parseQueueReference(text), { code: 'VariableUnreadable', message: /name, URL or ARN/ }, text);
    }
  });
});

describe('renderQueueReference', () => {
  const render = (text: string, queue: Parameters<typeof renderQueueReference>[1]): string =>
    renderQueueReference(parseQueueReference(text), queue);
  const url = `https://sqs.eu-north-1.amazonaws.com/${ACCOUNT}/mirrord-1`;

  it('keeps the form', () => {
    assert.equal(render('orders', { name: 'mirrord-1', url }), 'mirrord-1');
    assert.equal(
      render(`arn:aws:sqs:eu-north-1:${ACCOUNT}:orders`, { name: 'mirrord-1', url }),
      `arn:aws:sqs:eu-north-1:${ACCOUNT}:mirrord-1`,
    );
    assert.equal(render(url.replace('mirrord-1', 'orders'), { name: 'mirrord-1' }), url);
  });

  it("keeps the application's endpoint, and takes the account of the new queue", () => {
    assert.equal(
      render('http://sqs.internal:9324/111111111111/orders', { name: 'mirrord-1', url }),
      `http://sqs.internal:9324/${ACCOUNT}/mirrord-1`,
    );
    assert.equal(
      render('http://elasticmq:9324/queue/orders?x=1', { name: 'mirrord-1', url }),
      'http://elasticmq:9324/queue/mirrord-1?x=1',
    );
  });

  it('takes an ARN that is given', () => {
    const arn = `arn:aws:sqs:eu-west-1:${ACCOUNT}:mirrord-1`;
    assert.equal(render(`arn:aws:sqs:eu-north-1:${ACCOUNT}:orders`, { name: 'mirrord-1', arn }), arn);
  });

  it('is not misled by a name that is also part of the host', () => {
    assert.equal(render('http://orders:9324/000000000000/orders', { name: 'm' }), 'http://orders:9324/000000000000/m');
  });
});
