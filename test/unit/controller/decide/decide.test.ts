// Single decisions from single facts: what is refused before anything exists, objects that are not ours, and which pods are replaced when.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SplitPhase, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import { decide } from '../../../../controller/decide/decide.ts';
import type {
  Action,
  Decision,
  Observed,
  PodFact,
  Problem,
  TargetFacts,
} from '../../../../controller/decide/observed.ts';
import { podFact } from '../facts.ts';
import { Observer } from './world/observer.ts';
import { World } from './world/world.ts';

const HOUR_MS = 3_600_000;

/** A session that waits, with its finalizer, and nothing else yet. */
function waiting(): Observed {
  const world = new World();
  world.addSession('alice', ['orders']);
  world.reconcile();
  return new Observer(world).observe();
}

const decided = (observed: Observed): Decision => decide(observed, new World().names);
const kinds = ({ actions }: Decision): string[] => actions.map(({ type }) => type);

function refusal(observed: Observed): Problem {
  const [action] = decided(observed).actions;
  return action?.type === 'FailSession' ? action.problem : assert.fail(`${action?.type} instead of a refusal`);
}

describe('the first session of a target', () => {
  it('is served when nothing stands in the way', () => {
    assert.deepEqual(kinds(decided(waiting())), ['CreateSplit']);
  });

  const target: [Partial<TargetFacts>, Problem['code'], RegExp][] = [
    [{ paused: true }, 'TargetUnsupported', /Deployment orders-worker is paused.*kubectl rollout resume/],
    [
      { rolloutInProgress: '1 old pods are still there' },
      'RolloutInProgress',
      /in the middle of a rollout \(1 old pods/,
    ],
    [{ selector: {} }, 'TargetUnsupported', /empty selector/],
    [{ selector: { matchLabels: {}, matchExpressions: [] } }, 'TargetUnsupported', /empty selector/],
  ];
  for (const [facts, code, message] of target) {
    it(`is refused, and nothing is made, when the target has ${JSON.stringify(facts)}`, () => {
      const observed = waiting();
      assert.ok(observed.target);
      const problem = refusal({ ...observed, target: { ...observed.target, ...facts } });
      assert.deepEqual([problem.code, problem.retryable], [code, false]);
      assert.match(problem.message, message);
    });
  }

  it('is refused when a pod is patched already, by another operator or by us, also when it is going', () => {
    for (const more of [{ token: 'true' }, { token: 'qs-0', terminating: true }]) {
      const problem = refusal({ ...waiting(), pods: [podFact('a'), podFact('b', more)] });
      assert.equal(problem.code, 'ForeignPatch');
      assert.match(problem.message, new RegExp(`pod b carries .*=${more.token}`));
    }
  });

  it('is refused when the target is not there, or its namespace is going', () => {
    const observed = waiting();
    assert.equal(refusal({ ...observed, target: undefined }).code, 'TargetNotFound');
    const namespace = { name: 'shop', terminating: true };
    assert.equal(refusal({ ...observed, namespace }).code, 'TargetNotFound');
  });

  it('waits while its names cannot be resolved now', () => {
    const observed = waiting();
    const problem: Problem = { code: 'BrokerUnreachable', message: 'no answer', retryable: true };
    const sessions = observed.sessions.map((entry) => ({ ...entry, resolution: { ok: false as const, problem } }));
    const decision = decided({ ...observed, sessions });
    assert.deepEqual([kinds(decision), decision.waitingFor], [[], 'the names of the queues']);
  });
});

describe('a finalizer', () => {
  it('comes before anything else, and not where nothing new can be made', () => {
    const world = new World();
    world.addSession('alice', ['orders']);
    const observed = new Observer(world).observe();
    assert.deepEqual(kinds(decided(observed)), ['AddSessionFinalizer']);
    const namespace = { name: 'shop', terminating: true };
    assert.deepEqual(kinds(decided({ ...observed, namespace })), ['FailSession']);
  });
});

/** A split that forwards, with its pods; the target itself is not restarted any more. */
function running(phase: SplitPhase, pods: PodFact[], restartedAt?: string): Observed & { split: WorkloadSplit } {
  const world = new World();
  world.addSession('alice', ['orders']);
  for (let turns = 0; turns < 40; turns += 1) {
    world.reconcile();
    world.forward();
    world.rollout('fresh');
    world.pass(1000);
  }
  const observed = new Observer(world).observe();
  const { split, target } = observed;
  assert.ok(split?.spec.phase === 'Splitting' && target);
  const isServed = phase === 'Splitting';
  const resources = split.spec.resources.filter((entry) => isServed || entry.role !== 'session');
  const queues = split.spec.queues.map((queue) => (isServed ? queue : { ...queue, routes: [] }));
  return {
    ...observed,
    split: { ...split, spec: { ...split.spec, phase, queues, resources } },
    sessions: isServed ? observed.sessions : [],
    target: { ...target, restartedAt, rolloutComplete: true },
    webhook: { ...observed.webhook, registered: phase !== 'Restoring' },
    pods,
  };
}

const evicted = (observed: Observed): string[] =>
  decided(observed).actions.flatMap((action: Action) => (action.type === 'EvictPod' ? [action.pod.name] : []));

describe('a split that was copied or restored from elsewhere', () => {
  const copies = (): Observed[] => {
    const observed = running('Splitting', []);
    const { split } = observed;
    const as = (change: Partial<WorkloadSplit['spec']>): Observed => ({
      ...observed,
      split: { ...split, spec: { ...split.spec, ...change } },
    });
    const selfUid = split.metadata.uid ?? '';
    return [
      as({ incarnation: { clusterUid: 'another cluster', selfUid } }),
      as({ incarnation: { clusterUid: observed.clusterUid, selfUid: 'another object' } }),
      as({ incarnation: undefined }),
    ];
  };

  it('has nothing done for it, and its sessions are told what stands in their way', () => {
    for (const observed of copies()) {
      const problem = refusal(observed);
      assert.equal(problem.code, 'Copied');
      assert.match(problem.message, /kubectl -n shop delete workloadsplit deployment-orders-worker/);
      const alone = decided({ ...observed, sessions: [] });
      assert.deepEqual([alone.actions, alone.requeueAfterMs], [[], undefined]);
      assert.match(alone.waitingFor ?? '', /inert/);
    }
  });

  it('goes when somebody deletes it, and only it', () => {
    for (const observed of copies()) {
      const { split } = observed;
      assert.ok(split);
      const deleted = { ...split, metadata: { ...split.metadata, deletionTimestamp: 'now' } };
      assert.deepEqual(kinds(decided({ ...observed, split: deleted, sessions: [] })), ['ReleaseSplit']);
    }
  });
});

describe('pods that must be patched', () => {
  const EARLIER = 'qs-earlier';

  it('are replaced while the split forwards, when they carry no token, another one, or that of another operator', () => {
    const { split } = running('Splitting', []);
    const pods = [
      podFact('right', { token: split.spec.token }),
      podFact('bare'),
      podFact('earlier', { token: EARLIER }),
      podFact('foreign', { token: 'true' }),
      podFact('going', { terminating: true }),
    ];
    assert.deepEqual(evicted(running('Splitting', pods)), ['bare', 'earlier', 'foreign']);
  });

  it('may keep an earlier token while nothing is forwarded: they read the fallbacks that they know', () => {
    assert.deepEqual(evicted(running('Draining', [podFact('bare'), podFact('earlier', { token: EARLIER })])), ['bare']);
  });

  it('are not evicted again before the pause is over that a disruption budget asked for', () => {
    const observed = running('Splitting', [podFact('bare'), podFact('other')]);
    const failure = {
      code: 'ApiUnreachable' as const,
      message: 'the budget needs 2 healthy pods',
      retryable: true,
      forMs: 0,
      retryInMs: 1,
    };
    const failures = new Map([['bare', failure]]);
    assert.deepEqual(evicted({ ...observed, failures }), ['other']);
    // Whatever the wall clock does in the meantime.
    assert.deepEqual(evicted({ ...observed, failures, now: observed.now + HOUR_MS }), ['other']);
    const later = new Map([['bare', { ...failure, retryInMs: 0 }]]);
    assert.deepEqual(evicted({ ...observed, failures: later, now: observed.now - HOUR_MS }), ['bare', 'other']);
  });
});

describe('pods that must not be patched any more', () => {
  const patched = (name: string, more: Partial<PodFact> = {}): PodFact => podFact(name, { token: 'qs-1', ...more });

  it('go one by one, and each when all the others are there', () => {
    assert.deepEqual(evicted(running('Restoring', [patched('a'), patched('b'), podFact('c')])), ['a']);
    assert.deepEqual(evicted(running('Restoring', [patched('a'), patched('b'), podFact('c', { ready: false })])), []);
    assert.deepEqual(evicted(running('Restoring', [patched('a'), podFact('c', { terminating: true })])), []);
  });

  it('go at once when they serve nobody', () => {
    const pods = [patched('a', { ready: false }), patched('b', { ready: false }), patched('c')];
    assert.deepEqual(evicted(running('Restoring', pods)), ['a', 'b']);
  });

  it('are first left to the rollout that the removed annotation begins', () => {
    const observed = running('Restoring', [patched('a')], 'now');
    assert.deepEqual(kinds(decided(observed)), ['RemoveRestartAnnotation']);
  });
});
