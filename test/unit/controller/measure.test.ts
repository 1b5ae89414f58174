import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { SplitSession, SplitSessionStatus } from '../../../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import { registry } from '../../../common/metrics/registry.ts';
import type { Action, Observed } from '../../../controller/decide/observed.ts';
import { countPods, countSplits, forgetPods, measured, timeSession } from '../../../controller/measure.ts';

beforeEach(() => registry.resetMetrics());

const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker' } as const;
const at = (seconds: number) => new Date(Date.UTC(2026, 2, 1, 12, 0, seconds)).toISOString();

function session(status: SplitSessionStatus, deletedAt?: string): SplitSession {
  const metadata = {
    name: 'alice',
    namespace: 'shop',
    creationTimestamp: at(0),
    ...(deletedAt && { deletionTimestamp: deletedAt }),
  };
  return { apiVersion: 'v1', kind: 'SplitSession', metadata, spec: { target, queues: [] }, status };
}

/** As much of a split as is measured. */
function split(phase: string, extra: object = {}): WorkloadSplit {
  const resources = [
    { kind: 'SqsQueue', name: 'a', role: 'fallback', state: 'Created' },
    { kind: 'SqsQueue', name: 'b', role: 'session', state: 'Planned' },
    { kind: 'Claim', name: 'c', role: 'claim', state: 'Created' },
  ];
  const queues = [{ key: 'orders', original: { name: 'orders' } }];
  const metadata = { name: 'deployment-orders-worker', namespace: 'shop' };
  return { metadata, spec: { target, phase, token: 'new', resources, queues }, ...extra } as unknown as WorkloadSplit;
}

const shown = async (name: string) =>
  (await registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith(`queue_splitter_${name}`) && !/_bucket\{/.test(line));

test('a session’s setup is timed when it becomes Ready or fails, once, and never for what a new leader finds', async () => {
  const ready = session({ phase: 'Ready', readyAt: at(7) });
  timeSession(undefined, ready);
  assert.deepEqual(await shown('session_setup_duration_seconds_count'), []);
  timeSession(session({ phase: 'Restarting' }), ready);
  timeSession(ready, ready);
  assert.deepEqual(await shown('session_setup_duration_seconds_'), [
    'queue_splitter_session_setup_duration_seconds_sum{result="ready"} 7',
    'queue_splitter_session_setup_duration_seconds_count{result="ready"} 1',
  ]);
  timeSession(session({ phase: 'Pending' }), session({ phase: 'Failed', reason: 'UnknownQueueId', endedAt: at(2) }));
  assert.ok(
    (await shown('session_setup')).includes(
      'queue_splitter_session_setup_duration_seconds_sum{result="UnknownQueueId"} 2',
    ),
  );
});

test('its life is timed when it is gone, with the reason when it was lost', async () => {
  timeSession(session({ phase: 'Ending', readyAt: at(7) }, at(17)), undefined);
  timeSession(
    session({ phase: 'Failed', reason: 'HeartbeatExpired', readyAt: at(7), endedAt: at(27) }, at(28)),
    undefined,
  );
  timeSession(session({ phase: 'Pending' }, at(3)), undefined);
  assert.deepEqual(await shown('session_duration_seconds_'), [
    'queue_splitter_session_duration_seconds_sum{result="ended"} 10',
    'queue_splitter_session_duration_seconds_count{result="ended"} 1',
    'queue_splitter_session_duration_seconds_sum{result="HeartbeatExpired"} 20',
    'queue_splitter_session_duration_seconds_count{result="HeartbeatExpired"} 1',
  ]);
});

test('gauges of splits count what exists, and go with the split', async () => {
  countSplits([split('Draining', { status: { remaining: [{ key: 'orders', messages: 5 }] } })]);
  const labels = 'namespace="shop",workload="orders-worker"';
  assert.ok((await shown('splits')).includes(`queue_splitter_splits{${labels},phase="Draining"} 1`));
  assert.deepEqual(await shown('temporary_queues'), [
    'queue_splitter_temporary_queues{queue_type="SQS",role="fallback"} 1',
  ]);
  assert.deepEqual(await shown('drain_remaining'), [
    `queue_splitter_drain_remaining_messages{${labels},queue="orders"} 5`,
  ]);
  countSplits([]);
  for (const name of ['splits', 'temporary_queues', 'drain_remaining']) assert.deepEqual(await shown(name), [], name);
});

test('pods without the token are shown while the target must be patched', async () => {
  const pods = [{ token: 'new' }, { token: 'old' }, {}];
  const observed = (phase: string) =>
    ({ namespace: { name: 'shop' }, targetReference: target, split: split(phase), pods }) as unknown as Observed;
  countPods(observed('Splitting'));
  const [line] = await shown('pods_unpatched');
  assert.equal(line, 'queue_splitter_pods_unpatched{namespace="shop",workload="orders-worker"} 2');
  countPods(observed('Restoring'));
  assert.deepEqual(await shown('pods_unpatched'), []);
  countPods(observed('Splitting'));
  forgetPods(split('Splitting'));
  assert.deepEqual(await shown('pods_unpatched'), []);
});

test('actions are counted with their outcome and what they mean for the target', async () => {
  const observed = { namespace: { name: 'shop' }, targetReference: target } as Observed;
  const restart: Action = { type: 'RestartTarget', restartedAt: at(0), resourceVersion: undefined };
  await measured(restart, observed, async () => undefined);
  const refusal = new SplitterError('Conflict', 'no');
  await assert.rejects(
    measured(restart, observed, () => Promise.reject(refusal)),
    refusal,
  );
  assert.deepEqual((await shown('actions_total')).sort(), [
    'queue_splitter_actions_total{action="RestartTarget",result="Conflict"} 1',
    'queue_splitter_actions_total{action="RestartTarget",result="ok"} 1',
  ]);
  assert.deepEqual(await shown('workload_restarts_total'), [
    'queue_splitter_workload_restarts_total{namespace="shop",workload="orders-worker",reason="split"} 1',
  ]);
  assert.ok(
    (await shown('action_duration_seconds_count')).includes(
      'queue_splitter_action_duration_seconds_count{action="RestartTarget"} 2',
    ),
  );
});

test('what a drain gave up is counted once, with what became of it', async () => {
  const before = split('Draining');
  const observed = {
    namespace: { name: 'shop' },
    targetReference: target,
    queues: new Map([['orders', { remaining: 5 }]]),
  } as unknown as Observed;
  const write = (from: WorkloadSplit, change: object) => {
    const spec = { ...from.spec, queues: from.spec.queues.map((queue) => ({ ...queue, ...change })) };
    const after = { ...from, spec } as WorkloadSplit;
    return measured({ type: 'WriteSpec', split: from, spec, why: '' }, observed, async () => undefined).then(
      () => after,
    );
  };
  await write(await write(before, { forwarding: 'Return' }), { fenced: false });
  await write(before, { leftOvers: 'Drop' });
  await write(split('Restoring'), { leftOvers: 'Rewind' });
  const labels = 'namespace="shop",workload="orders-worker",queue="orders"';
  assert.deepEqual(await shown('drain_given_up'), [
    `queue_splitter_drain_given_up_messages_total{${labels},outcome="returned"} 5`,
    `queue_splitter_drain_given_up_messages_total{${labels},outcome="dropped"} 5`,
  ]);
});
