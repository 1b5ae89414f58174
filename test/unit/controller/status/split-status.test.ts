import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ForwarderQueueStatus, WorkloadSplit, WorkloadSplitSpec } from '../../../../api/kinds/workload-split.ts';
import { workloadSplitStatus } from '../../../../api/kinds/workload-split.ts';
import type { PodFact } from '../../../../controller/decide/observed.ts';
import { splitStatus } from '../../../../controller/status/split-status.ts';
import { createBench, putSplit, sqsQueue } from '../bench.ts';
import { observedFacts, podFact, queueFacts, routeOf } from '../facts.ts';

const pod = (token: string | undefined): PodFact => podFact('a', { token });

type Facts = {
  pods?: PodFact[];
  forwarder?: ForwarderQueueStatus[];
  waitingFor?: string;
};

function statusOf(spec: Partial<WorkloadSplitSpec>, facts: Facts = {}) {
  const { pods = [], forwarder = [], waitingFor } = facts;
  const split: WorkloadSplit = {
    ...putSplit(createBench().kube, spec),
    status: { forwarder: { holder: 'forwarder-1', acknowledgedRevision: 1, queues: forwarder } },
  };
  const observed = observedFacts({ split, pods });
  const status = splitStatus(observed, split, waitingFor);
  workloadSplitStatus.parse(status);
  const conditions = new Map(status.conditions?.map(({ type, status: is, message }) => [type, `${is}: ${message}`]));
  return { status, conditions };
}

describe('the conditions of a split', () => {
  it('say what is still to be made', () => {
    const planned = { kind: 'SqsQueue', role: 'fallback', queue: 'orders', state: 'Planned' } as const;
    const queues = [sqsQueue('orders')];
    const { conditions } = statusOf({ queues, resources: [{ ...planned, name: 'mirrord-1-fallback-orders' }] });
    assert.equal(conditions.get('Prepared'), 'False: to be made: mirrord-1-fallback-orders');
    assert.equal(statusOf({}).conditions.get('Prepared'), 'False: to be made: nothing planned yet');
    assert.equal(statusOf({ queues }).conditions.get('Prepared'), 'True: every temporary queue exists');
  });

  it('count pods that read an original, which all of them do before there is anything to tell them', () => {
    const pods = [pod('qs-1'), pod('qs-0'), pod(undefined)];
    assert.equal(
      statusOf({ token: 'qs-1' }, { pods }).conditions.get('Patched'),
      'False: 2 of 3 pods read the original queues',
    );
    assert.equal(statusOf({}, { pods }).conditions.get('Patched'), 'False: 3 of 3 pods read the original queues');
    const patched = statusOf({ token: 'qs-1' }, { pods: [pod('qs-1')] });
    assert.equal(patched.conditions.get('Patched'), 'True: all 1 pods read the fallback queues');
  });

  it('count queues that are forwarded', () => {
    const queues = [sqsQueue('orders'), sqsQueue('ads')];
    const forwarder: ForwarderQueueStatus[] = [{ key: 'orders', state: 'Forwarding' }];
    const { conditions } = statusOf({ queues }, { forwarder });
    assert.equal(conditions.get('Forwarding'), 'False: 1 of 2 queues are forwarded');
    assert.equal(statusOf({}).conditions.get('Forwarding'), 'False: 0 of 0 queues are forwarded');
    const all = statusOf({ queues }, { forwarder: [...forwarder, { key: 'ads', state: 'Forwarding' }] });
    assert.equal(all.conditions.get('Forwarding'), 'True: 2 of 2 queues are forwarded');
  });

  it('say what is waited for', () => {
    assert.equal(statusOf({}, { waitingFor: 'a pod' }).conditions.get('Progressing'), 'True: waits for a pod');
    assert.equal(statusOf({}).conditions.get('Progressing'), 'False: nothing to wait for');
  });
});

describe('what is left to read', () => {
  const queues = [sqsQueue('orders'), sqsQueue('ads')];
  const told = (known: [string, number][], before: WorkloadSplit['status'], problem?: string): unknown => {
    const split = { ...putSplit(createBench().kube, { queues }), ...(before && { status: before }) };
    const facts = queues.map(({ key }) => {
      const remaining = new Map(known).get(key);
      return [key, queueFacts(remaining === undefined ? { problem } : { remaining })] as const;
    });
    return splitStatus(observedFacts({ split, queues: new Map(facts) }), split, undefined).remaining;
  };
  const before = { remaining: [{ key: 'ads', messages: 5 }] };

  it('is told where it is known, and stays as it was where a broker does not answer', () => {
    assert.deepEqual(told([['ads', 3]], before), [{ key: 'ads', messages: 3 }]);
    assert.deepEqual(told([['orders', 2]], before, 'no answer'), [
      { key: 'orders', messages: 2 },
      { key: 'ads', messages: 5 },
    ]);
    assert.equal(told([], undefined), undefined);
  });

  it('is told no more when a session came back and nothing is drained', () => {
    assert.deepEqual(told([], before), []);
    assert.equal(told([], { remaining: [] }), undefined);
  });
});

describe('the columns of kubectl', () => {
  it('name queues and sessions as far as they fit, and count sessions once', () => {
    const names = ['orders', 'views', 'advertisements', 'notifications', 'ratings'];
    const queues = names.map((key) => sqsQueue(key, { routes: [routeOf('alice'), routeOf('bob')] }));
    const { status } = statusOf({ queues }, { waitingFor: 'sessions to come and go' });
    assert.deepEqual(status.summary, {
      queues: 'orders, views, advertisements (+2)',
      sessions: 2,
      sessionNames: 'alice, bob',
      waitsFor: 'sessions to come and go',
    });
  });

  it('do not count sessions that are ending, and tell two of one name apart', () => {
    const routes = [routeOf('alice', { ending: true }), routeOf('alice', { sessionUid: 'second' }), routeOf('bob')];
    const { status } = statusOf({ queues: [sqsQueue('orders', { routes })] });
    assert.deepEqual([status.summary?.sessions, status.summary?.sessionNames], [2, 'alice, bob']);
  });

  it('hold what is as long as the schema allows', () => {
    const key = `${'q'.repeat(250)}::${'n'.repeat(250)}`;
    const { status } = statusOf({ queues: [sqsQueue(key)] }, { waitingFor: 'x'.repeat(5000) });
    assert.deepEqual([status.summary?.queues.length, status.summary?.waitsFor.length], [256, 80]);
  });

  it('are never absent, so that a merge patch takes old words away', () => {
    assert.deepEqual(statusOf({}).status.summary, { queues: '', sessions: 0, sessionNames: '', waitsFor: '' });
  });
});
