import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import type { LedgerEntry } from '../../../../api/kinds/workload-split.ts';
import { LEASES } from '../../../../common/kube/resources.ts';
import { forget, memories, remember } from '../../../../controller/garbage/memory.ts';
import { createBench, OPERATOR, putSplit, sqsQueue } from '../bench.ts';

const FALLBACK: LedgerEntry = {
  kind: 'SqsQueue',
  name: 'mirrord-1-fallback-orders',
  role: 'fallback',
  queue: 'orders',
  state: 'Planned',
};
const NAME = { name: 'split-uid-of-deployment-orders-worker', namespace: OPERATOR };

function setUp() {
  const bench = createBench();
  const split = putSplit(bench.kube, { queues: [sqsQueue('orders', { start: [] })], resources: [FALLBACK] });
  return { ...bench, split };
}

describe('what is remembered of a split', () => {
  it('is enough to find its queues without it', async () => {
    const { context, split } = setUp();
    await remember(context, split);
    const [memory] = await memories(context);
    assert.deepEqual(memory?.split, { namespace: 'shop', name: 'deployment-orders-worker', uid: split.metadata.uid });
    assert.deepEqual(memory.resources, [FALLBACK]);
    assert.equal(memory.queues[0]?.original.url, 'https://sqs/orders');
    assert.equal(memory.handedOver, false);
  });

  it('holds no filter and no value of a variable', async () => {
    const { context, kube, split } = setUp();
    const route = {
      ...{ session: 'alice', sessionUid: 'a', filter: { tenant: '^alice-secret$' }, mode: 'steal' as const },
      ...{ destination: { name: 'q' }, startedAt: '', ending: false },
    };
    const queue = sqsQueue('orders', { routes: [route], tags: { team: 'tag-secret' } });
    const environment = [
      { container: 'app', variable: 'ORDERS_QUEUE', value: 'value-secret', original: 'o', origin: '' },
    ];
    await remember(context, { ...split, spec: { ...split.spec, queues: [queue], environment } });
    assert.doesNotMatch(JSON.stringify(kube.peek(LEASES, NAME)), /secret/);
    assert.equal((await memories(context)).length, 1);
  });

  it('follows the ledger, is written only when it changes, and goes at the end', async () => {
    const { context, kube, split } = setUp();
    await remember(context, split);
    await remember(context, split);
    const url = 'https://sqs/mirrord-1-fallback-orders';
    await remember(context, { ...split, spec: { ...split.spec, resources: [{ ...FALLBACK, state: 'Created', url }] } });
    assert.deepEqual(
      kube.writes.filter((write) => write.includes('leases')),
      [`create leases ${OPERATOR}/${NAME.name}`, `update leases ${OPERATOR}/${NAME.name}`],
    );
    assert.equal((await memories(context))[0]?.resources[0]?.url, url);
    await forget(context, split.metadata.uid);
    await forget(context, split.metadata.uid);
    assert.deepEqual(await memories(context), []);
  });

  it('of the longest ledger fits into an annotation', async () => {
    const { context, kube, split } = setUp();
    const resources = Array.from({ length: 1024 }, (): LedgerEntry => {
      const name = `mirrord-${randomInt(1e10)}-orders-of-a-rather-long-name-with-its-region-and-its-team`;
      const url = `https://sqs.eu-north-1.amazonaws.com/123456789012/${name}`;
      return { ...FALLBACK, name, url, queue: `queue-${randomInt(1e10)}-of-a-rather-long-name`, state: 'Created' };
    });
    assert.ok(JSON.stringify(resources).length > 256 * 1024);
    await remember(context, { ...split, spec: { ...split.spec, resources } });
    const lease = kube.peek<{ metadata: { annotations: Record<string, string> } }>(LEASES, NAME);
    const lengths = Object.entries(lease?.metadata.annotations ?? {}).map(([key, value]) => key.length + value.length);
    assert.ok(lengths.reduce((sum, length) => sum + length, 0) < 256 * 1024, `${lengths}`);
    assert.deepEqual((await memories(context))[0]?.resources, resources);
  });

  it('fits into an annotation: where partitions began is left out before anything else', async () => {
    const { context, split } = setUp();
    const keys = Array.from({ length: 16 }, (_, index) => `queue-${index}`);
    const start = () => Array.from({ length: 4096 }, (_, partition) => ({ partition, offset: `${randomInt(1e14)}` }));
    const queues = keys.map((key) => sqsQueue(key, { start: start() }));
    await remember(context, { ...split, spec: { ...split.spec, queues } });
    const [memory] = await memories(context);
    assert.deepEqual(
      memory?.queues.map(({ key, start: known }) => [key, known]),
      keys.map((key) => [key, undefined]),
    );
    assert.deepEqual(memory?.resources, [FALLBACK]);
  });

  it('is not read out of what somebody else has written', async () => {
    const { context, kube, split } = setUp();
    await remember(context, split);
    const lease = kube.peek<{ metadata: object }>(LEASES, NAME);
    for (const text of ['not JSON', '{"split":1}', 'gzip,', 'gzip,bm90IGd6aXA=']) {
      kube.put(LEASES, {
        ...lease,
        metadata: {
          ...NAME,
          labels: { 'queuesplitter.dev/memory': 'true' },
          annotations: { 'queuesplitter.dev/memory': text },
        },
      });
      assert.deepEqual(await memories(context), []);
    }
  });
});
