import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type SplitSession, splitSessionStatus } from '../../../../api/kinds/split-session.ts';
import type { DesiredForwarding, SplitPhase, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import type { Observed, PodFact } from '../../../../controller/decide/observed.ts';
import { sessionStatus } from '../../../../controller/status/session-status.ts';
import { TARGET } from '../bench.ts';
import { observedFacts, podFact } from '../facts.ts';

const QUEUE = { id: 'orders', kind: 'SQS', filter: { tenant: '^alice$' }, mode: 'steal' } as const;
const SESSION: SplitSession = {
  apiVersion: 'queuesplitter.dev/v1alpha1',
  kind: 'SplitSession',
  metadata: { name: 'alice', namespace: 'shop', uid: 'alice-uid' },
  spec: { target: TARGET, queues: [QUEUE] },
};

/** A split that has a route for the session, and whose forwarder has not said anything about it. */
function splitIn(phase: SplitPhase): WorkloadSplit {
  const route = { session: 'alice', sessionUid: 'alice-uid', destination: { name: 'mirrord-1-orders' }, ...QUEUE };
  const queue = {
    key: 'orders',
    id: 'orders',
    kind: 'SQS',
    forwarding: 'Forward',
    original: { name: 'orders' },
    variables: [],
    routes: [route],
  };
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'WorkloadSplit',
    metadata: { name: 'deployment-orders-worker', namespace: 'shop' },
    spec: { target: TARGET, phase, revision: 1, token: 'new', queues: [queue], resources: [], environment: [] },
    status: { forwarder: { holder: 'forwarder-1', acknowledgedRevision: 0, queues: [] } },
  } as unknown as WorkloadSplit;
}

function pod(name: string, token: string | undefined, terminating = false): PodFact {
  return podFact(name, { token, terminating });
}

function observe(phase: SplitPhase, pods: PodFact[]): Observed {
  const sessions = [{ session: SESSION, expired: false, knownForMs: 0 }];
  return observedFacts({ split: splitIn(phase), sessions, pods });
}

function statusIn(phase: SplitPhase, waitingFor?: string, pods = [pod('a', undefined)]) {
  const observed = observe(phase, pods);
  return sessionStatus(observed, { session: SESSION, expired: false, knownForMs: 0 }, waitingFor);
}

describe('the status of a session', () => {
  test('is Preparing while its queues are being made, also when its route is written down already', () => {
    const { phase, message } = statusIn('Preparing');
    assert.deepEqual({ phase, message }, { phase: 'Preparing', message: 'creating temporary queues' });
  });

  test('counts patched pods while the target restarts, and says what is waited for', () => {
    const pods = [pod('a', 'new'), pod('b', undefined), pod('c', undefined, true)];
    const { phase, message } = statusIn('Patching', '2 of 3 pods still read the original queue', pods);
    assert.equal(phase, 'Restarting');
    assert.equal(message, 'restarting orders-worker: 1 pod patched; 2 of 3 pods still read the original queue');
    assert.equal(statusIn('Patching').message, 'restarting orders-worker: 0 pods patched');
  });

  test('is not Ready any more when no forwarder is alive, and says where the messages are', () => {
    const observed = { ...observe('Splitting', [pod('a', 'new')]), forwarderAway: true };
    const session = { ...SESSION, status: { phase: 'Ready' as const, message: 'messages arrive' } };
    const { phase, message, conditions } = sessionStatus(
      observed,
      { session, expired: false, knownForMs: 0 },
      undefined,
    );
    assert.equal(phase, 'CuttingOver');
    assert.match(message ?? '', /the last one was forwarder-1.* wait in the original queue/);
    assert.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
  });

  test('stays Ready when a pod of the target is not patched, and says so', () => {
    const pods = [pod('a', 'new'), pod('b', undefined)];
    assert.equal(readyStatus(1, SESSION, pods).phase, 'CuttingOver');
    const session = { ...SESSION, status: { phase: 'Ready' as const } };
    const { phase, message } = readyStatus(1, session, pods);
    assert.equal(phase, 'Ready');
    assert.match(message ?? '', /1 pod reads the original queue, too, and may get some of them until replaced$/);
  });

  test('is CuttingOver until the forwarder reports the queues', () => {
    assert.equal(statusIn('Splitting', undefined, [pod('a', 'new')]).phase, 'CuttingOver');
  });

  test('is not Ready yet while the queue that it joins stops: a forwarder that still empties a session says Forwarding', () => {
    assert.equal(readyStatus(1, SESSION, [pod('a', 'new')], 'Stop').phase, 'CuttingOver');
  });

  test('says in its column what it waits for, and nothing once it is Ready', () => {
    assert.deepEqual(statusIn('Preparing').summary, { queues: 'orders', detail: 'creating temporary queues' });
    assert.equal(readyStatus(1).summary?.detail, '');
  });

  test('of very many queues stays as short as the API server takes', () => {
    const status = readyStatus(64);
    splitSessionStatus.parse(status);
    assert.equal(status.phase, 'Ready');
    assert.match(status.message ?? '', /\(\+\d+\)/);
    assert.equal(status.queues?.length, 64, 'all of them are listed in their own place');
  });

  test('that failed keeps its reason, and says when no message reaches it any more', () => {
    const failed: SplitSession = {
      ...SESSION,
      status: { phase: 'Failed', reason: 'RestartTimeout', message: 'too slow', endedAt: 'then' },
    };
    const routeRemoved = (observed: Observed) => {
      const status = sessionStatus(observed, { session: failed, expired: false, knownForMs: 0 }, undefined);
      assert.deepEqual(
        [status.phase, status.reason, status.message, status.endedAt],
        ['Failed', 'RestartTimeout', 'too slow', 'then'],
      );
      return status.conditions?.find(({ type }) => type === 'RouteRemoved')?.status;
    };
    const observed = observe('Splitting', []);
    assert.equal(routeRemoved(observed), 'False');
    assert.equal(routeRemoved({ ...observed, split: undefined }), 'True');
  });

  test('of pods is that of now also after the restart', () => {
    const pods = [pod('a', 'new'), pod('b', 'new')];
    assert.deepEqual(statusIn('Splitting', undefined, pods).pods, { patched: 2, total: 2 });
  });
});

/** Ready with so many queues of very long names. */
function readyStatus(
  count: number,
  session: SplitSession = SESSION,
  pods = [pod('a', 'new')],
  forwarding: DesiredForwarding = 'Forward',
) {
  const observed = observe('Splitting', pods);
  const { split } = observed;
  const [first] = split?.spec.queues ?? [];
  assert.ok(split && first);
  const [route] = first.routes;
  assert.ok(route);
  const queues = Array.from({ length: count }, (_, index) => {
    const destination = { name: `mirrord-${index}-${'q'.repeat(60)}` };
    return { ...first, forwarding, key: `orders-${index}`, routes: [{ ...route, destination }] };
  });
  const forwarder = {
    holder: 'forwarder-1',
    acknowledgedRevision: 1,
    queues: queues.map(({ key }) => ({ key, state: 'Forwarding' as const })),
  };
  const ready = { ...split, spec: { ...split.spec, queues }, status: { forwarder } };
  return sessionStatus({ ...observed, split: ready }, { session, expired: false, knownForMs: 0 }, undefined);
}
