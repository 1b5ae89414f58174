import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SplitSession } from '../../../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import { SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../../common/kube/resources.ts';
import type { Action, Decision, Observed } from '../../../controller/decide/observed.ts';
import { report } from '../../../controller/report.ts';
import { type Bench, createBench, putSession, putSplit } from './bench.ts';
import { observedFacts } from './facts.ts';
import { refusal } from './fake-kube.ts';

const ALICE = { name: 'alice', namespace: 'shop' };
const IDLE: Decision = { actions: [], waitingFor: 'a pod', requeueAfterMs: 1000 };
const acting = (...actions: Action[]): Decision => ({ actions, waitingFor: undefined, requeueAfterMs: undefined });
const SYNC: Action = { type: 'SyncWebhook' };

/** What a look shows now. */
function observed({ kube, context }: Bench): Observed {
  const sessions = kube.all(SPLIT_SESSIONS) as unknown as SplitSession[];
  const [split] = kube.all(WORKLOAD_SPLITS) as unknown as WorkloadSplit[];
  return observedFacts({
    now: context.now(),
    split,
    sessions: structuredClone(sessions).map((session) => ({ session, expired: false, knownForMs: 0 })),
  });
}

const sessionOf = ({ kube }: Bench): SplitSession | undefined => kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE);
const progress = ({ kube }: Bench): string | undefined =>
  (kube.all(WORKLOAD_SPLITS)[0] as unknown as WorkloadSplit).status?.conditions?.find(
    ({ type }) => type === 'Progressing',
  )?.message;

describe('a report', () => {
  it('is written once, and not again while nothing changes', async () => {
    const bench = createBench();
    putSession(bench.kube, 'alice');
    putSplit(bench.kube);
    await report(bench.context, observed(bench), IDLE, undefined);
    assert.deepEqual(bench.kube.writes, [
      'patch splitsessions shop/alice',
      'patch workloadsplits shop/deployment-orders-worker',
    ]);
    await bench.clock.advance(60_000);
    await report(bench.context, observed(bench), IDLE, undefined);
    assert.equal(bench.kube.writes.length, 2);
  });

  it('tells people of a new phase once', async () => {
    const bench = createBench();
    putSession(bench.kube, 'alice');
    await report(bench.context, observed(bench), IDLE, undefined);
    putSplit(bench.kube);
    await report(bench.context, observed(bench), IDLE, undefined);
    await report(bench.context, observed(bench), { ...IDLE, waitingFor: 'another pod' }, undefined);
    assert.deepEqual(bench.announced, ['Normal Pending alice', 'Normal Preparing alice']);
  });

  it('says of which generation it speaks, for kubectl wait', async () => {
    const bench = createBench();
    putSession(bench.kube, 'alice');
    await report(bench.context, observed(bench), IDLE, undefined);
    const session = sessionOf(bench);
    assert.deepEqual(
      session?.status?.conditions?.map(({ observedGeneration }) => observedGeneration),
      [1, 1],
    );
    assert.equal(session?.metadata.generation, 1);
  });

  it('names what went wrong with an action', async () => {
    const bench = createBench();
    putSplit(bench.kube);
    const denied = new SplitterError('PermissionDenied', 'not allowed to patch deployments');
    await report(bench.context, observed(bench), acting(SYNC), denied);
    assert.equal(progress(bench), 'waits for not allowed to patch deployments');
  });

  it('is not made after a lost race: what was decided on was not so any more', async () => {
    const bench = createBench();
    putSession(bench.kube, 'alice');
    putSplit(bench.kube);
    await report(bench.context, observed(bench), IDLE, undefined);
    const before = bench.kube.writes.length;
    for (const lost of [refusal(409, 'Conflict', 'modified'), refusal(404, 'NotFound', 'not found')]) {
      await report(bench.context, observed(bench), acting(SYNC), lost);
    }
    assert.deepEqual([bench.kube.writes.length, progress(bench)], [before, 'waits for a pod']);
  });

  it('is not made by a controller that slept: another one has done more since than it knows of', async () => {
    const bench = createBench();
    putSession(bench.kube, 'alice');
    putSplit(bench.kube);
    bench.context.isLeading = () => false;
    await report(bench.context, observed(bench), IDLE, undefined);
    assert.deepEqual(bench.kube.writes, []);
  });

  it('does not flicker between two actions: only a new phase is told', async () => {
    const bench = createBench();
    putSession(bench.kube, 'alice');
    const split = putSplit(bench.kube, { phase: 'Restoring' });
    await report(bench.context, observed(bench), IDLE, undefined);
    const waits = 'waits until Deployment orders-worker is restored from its previous split: a pod';
    assert.equal(sessionOf(bench)?.status?.message, waits);
    const writes = bench.kube.writes.length;
    await report(bench.context, observed(bench), acting(SYNC), undefined);
    assert.deepEqual([bench.kube.writes.length, sessionOf(bench)?.status?.message], [writes, waits]);
    bench.kube.put(WORKLOAD_SPLITS, { ...split, spec: { ...split.spec, phase: 'Preparing' } });
    await report(bench.context, observed(bench), acting(SYNC), undefined);
    assert.equal(sessionOf(bench)?.status?.phase, 'Preparing');
  });

  it('leaves a session alone that an action has just written to', async () => {
    const bench = createBench();
    const session = putSession(bench.kube, 'alice');
    await report(bench.context, observed(bench), acting({ type: 'AddSessionFinalizer', session }), undefined);
    assert.deepEqual(bench.kube.writes, []);
  });
});

describe('a session that changed in between', () => {
  it('keeps the status that says why it failed', async () => {
    const bench = createBench();
    const session = putSession(bench.kube, 'alice');
    const before = observed(bench);
    bench.kube.put(SPLIT_SESSIONS, { ...session, status: { phase: 'Failed', message: 'too slow' } });
    await report(bench.context, before, IDLE, undefined);
    assert.equal(sessionOf(bench)?.status?.phase, 'Failed');
    assert.deepEqual(bench.announced, []);
  });

  it('may be gone, and nothing is told of it', async () => {
    const bench = createBench();
    putSession(bench.kube, 'alice');
    const before = observed(bench);
    bench.kube.remove(SPLIT_SESSIONS, ALICE);
    await report(bench.context, before, IDLE, undefined);
    assert.deepEqual([bench.kube.writes, bench.announced], [[], []]);
  });

  it('is told when its route is gone, also when it has failed', async () => {
    const bench = createBench();
    const session = putSession(bench.kube, 'alice');
    bench.kube.put(SPLIT_SESSIONS, {
      ...session,
      status: { phase: 'Failed', reason: 'RestartTimeout', message: 'slow' },
    });
    await report(bench.context, observed(bench), IDLE, undefined);
    const { status } = sessionOf(bench) ?? {};
    assert.deepEqual([status?.phase, status?.message], ['Failed', 'slow']);
    assert.equal(status?.conditions?.find(({ type }) => type === 'RouteRemoved')?.status, 'True');
    assert.deepEqual(bench.announced, []);
  });
});

it('what the forwarder wrote meanwhile stays', async () => {
  const bench = createBench();
  const split = putSplit(bench.kube);
  const before = observed(bench);
  const forwarder = { holder: 'forwarder-2', acknowledgedRevision: 9, queues: [] };
  bench.kube.put(WORKLOAD_SPLITS, { ...split, status: { forwarder } });
  await report(bench.context, before, IDLE, undefined);
  const [after] = bench.kube.all(WORKLOAD_SPLITS) as unknown as WorkloadSplit[];
  assert.deepEqual(after?.status?.forwarder, forwarder);
  assert.equal(progress(bench), 'waits for a pod');
});

it('any other refusal is an error', async () => {
  const bench = createBench();
  putSession(bench.kube, 'alice');
  bench.kube.fail('patch splitsessions', refusal(403, 'Forbidden', 'not allowed'));
  await assert.rejects(report(bench.context, observed(bench), IDLE, undefined), { code: 'PermissionDenied' });
});
