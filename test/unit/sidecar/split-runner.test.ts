// What the log tells of a split: one line for each state of a queue, with the sessions that get its messages. And what pipelines are told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwarderQueueStatus, Route, SplitPhase, SplitQueue } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import { SplitRunner } from '../../../sidecar/split-runner.ts';
import { FakeClock, settled } from '../common/fake-clock.ts';
import { silentLog } from '../common/silent-log.ts';
import { FakeSplits } from './fake-splits.ts';
import { queue } from './forwarder-bench.ts';

const route = (session: string, ending = false): Route => ({
  session,
  sessionUid: session,
  filter: { tenant: '^secret$' },
  mode: 'steal',
  destination: { name: 'mirrord-1-orders' },
  startedAt: '',
  ending,
});

async function setUp() {
  const clock = new FakeClock();
  const log = silentLog();
  const splits = new FakeSplits();
  const pipe = { state: 'Holding' as ForwarderQueueStatus['state'], failure: undefined as Error | undefined };
  const more: Partial<ForwarderQueueStatus> = {};
  const told = { onChange: () => {}, isFallbackRead: () => false };
  const runner = new SplitRunner({
    split: splits.put('worker', { queues: [queue('orders', { forwarding: 'Hold' })] }),
    factories: {
      SQS: (made: SplitQueue, { onChange, isFallbackRead }) => {
        Object.assign(told, { onChange, isFallbackRead });
        return {
          apply: async () => {
            if (pipe.failure) throw pipe.failure;
          },
          status: () => ({ key: made.key, state: pipe.state, ...more }),
          close: async () => {},
        };
      },
      Kafka: () => assert.fail('there is no topic'),
    },
    mayAct: () => true,
    othersMayWrite: () => undefined,
    onChange: () => {},
    clock,
    random: () => 0,
    log,
  });
  runner.start();
  const update = async (revision: number, ...routes: Route[]): Promise<void> => {
    runner.update(splits.put('worker', { revision, queues: [queue('orders', { routes })] }));
    await settled();
  };
  const set = (state: ForwarderQueueStatus['state'], changes: Partial<ForwarderQueueStatus> = {}): void => {
    Object.assign(more, { message: undefined, reason: undefined }, changes);
    pipe.state = state;
    told.onChange();
  };
  const lines = (): string[] => log.entries.map(({ level, message }) => `${level} ${message}`);
  await settled();
  return { clock, log, pipe, runner, splits, told, update, set, lines };
}

test('every state is one line, and the same one is not said again', async () => {
  const { set, lines, runner, log } = await setUp();
  set('CuttingOver');
  set('Forwarding', { cutOver: '2026-01-01T00:00:00Z' });
  set('Forwarding', { cutOver: '2026-01-01T00:00:00Z' });
  assert.deepEqual(lines(), [
    'info queue orders: Holding',
    'info queue orders: CuttingOver',
    'info queue orders: Forwarding',
  ]);
  assert.deepEqual(log.entries.at(-1)?.facts, {
    split: 'shop/worker',
    queue: 'orders',
    state: 'Forwarding',
    sessions: [],
    cutOver: '2026-01-01T00:00:00Z',
  });
  await runner.close();
});

test('sessions that come and go are lines, too, and their filters are not in them', async () => {
  const { update, log, runner } = await setUp();
  await update(2, route('alice'));
  await update(3, route('alice', true), route('bob'));
  const sessions = log.entries.map(({ facts }) => (facts as { sessions: string[] }).sessions);
  assert.deepEqual(sessions, [[], ['alice'], ['bob']]);
  assert.doesNotMatch(JSON.stringify(log.entries), /secret/);
  await runner.close();
});

test('a problem is a warning, once for each cause', async () => {
  const { set, lines, runner } = await setUp();
  set('Error', { message: 'no answer (1)', reason: 'BrokerUnreachable' });
  set('Error', { message: 'no answer (2)', reason: 'BrokerUnreachable' });
  set('Forwarding');
  assert.deepEqual(lines().slice(1), ['warn queue orders: Error: no answer (1)', 'info queue orders: Forwarding']);
  await runner.close();
});

test('a queue that cannot be brought to its spec is warned of once, however often it is tried', async () => {
  const { clock, pipe, update, lines, runner } = await setUp();
  pipe.failure = new SplitterError('PermissionDenied', 'sqs:ReceiveMessage is not allowed');
  await update(2);
  for (let tries = 0; tries < 5; tries += 1) await clock.advance(30_000);
  const loud = lines().filter((line) => !line.startsWith('debug'));
  assert.deepEqual(loud.slice(1), ['warn queue orders: Error: sqs:ReceiveMessage is not allowed']);
  await runner.close();
});

test('a fallback is read while pods are given it, and not before or on the way back', async () => {
  const { runner, splits, told } = await setUp();
  const isRead = (phase: SplitPhase): boolean => {
    runner.update(splits.put('worker', { phase, queues: [queue('orders')] }));
    return told.isFallbackRead();
  };
  for (const phase of ['Patching', 'Splitting', 'Warm', 'Draining'] as const) assert.equal(isRead(phase), true, phase);
  for (const phase of ['Preparing', 'Restoring', 'Cleaning', 'Abandoned'] as const)
    assert.equal(isRead(phase), false, phase);
});
