import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RESTARTED_AT_ANNOTATION } from '../../../../api/constants.ts';
import type { SplitSession } from '../../../../api/kinds/split-session.ts';
import type { SplitPhase, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../../common/errors.ts';
import { NAMESPACES, PODS, SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import { observe } from '../../../../controller/observe/observe.ts';
import { type Bench, putDeployment, putPod, putSession, putSplit, sqsQueue } from '../bench.ts';
import { ALICE, KEY, RESOLUTION, type SetUp, setUp } from './look.ts';

describe('what belongs to a target', () => {
  it('is nothing when neither a session nor a split is there', async () => {
    const { observer, context, kube } = setUp();
    putDeployment(kube);
    assert.equal(await observe(observer, context, KEY), undefined);
  });

  it('are its sessions only', async () => {
    const { look, kube } = setUp();
    putSession(kube, 'alice');
    putSession(kube, 'bob', { target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'billing' } });
    putSession(kube, 'carol', { target: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'orders-worker' } });
    const { sessions, split, target } = await look();
    assert.deepEqual(
      sessions.map(({ session }) => session.metadata.name),
      ['alice'],
    );
    assert.deepEqual([split, target], [undefined, undefined]);
  });

  it('is still told when its last session is deleted in the middle of the look', async () => {
    const { look, kube } = setUp();
    putDeployment(kube);
    putSession(kube, 'alice');
    kube.before('get deployments', () => kube.remove(SPLIT_SESSIONS, ALICE));
    assert.equal((await look()).sessions.length, 1, 'writing to it fails, and the next look sees the truth');
    putSplit(kube);
    assert.deepEqual((await look()).sessions, []);
  });

  it('is read after the split, on whose version every write depends', async () => {
    const { look, kube } = setUp();
    const before = putSplit(kube);
    kube.before('list splitsessions', () => kube.put(WORKLOAD_SPLITS, { ...before }));
    const { split } = await look();
    assert.equal(split?.metadata.resourceVersion, before.metadata.resourceVersion);
    await assert.rejects(kube.replace(WORKLOAD_SPLITS, split as WorkloadSplit), { code: 'Conflict' });
  });

  it('says when its namespace is going, or has gone', async () => {
    const { look, kube } = setUp();
    putSplit(kube);
    assert.equal((await look()).namespace.terminating, false);
    kube.put(NAMESPACES, { metadata: { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' } });
    assert.equal((await look()).namespace.terminating, true);
  });

  it('is known, and leaves, for as long as this process has seen it, whatever its timestamps say', async () => {
    const { look, kube, clock } = setUp();
    const deletionTimestamp = '2020-01-01T00:00:00Z';
    putSession(kube, 'alice');
    putSplit(kube);
    kube.put(NAMESPACES, { metadata: { name: 'shop', deletionTimestamp } });
    assert.deepEqual([(await look()).sessions[0]?.knownForMs, (await look()).leavingForMs], [0, 0]);
    await clock.advance(3_000);
    const split = putSplit(kube);
    kube.put(WORKLOAD_SPLITS, { ...split, metadata: { ...split.metadata, deletionTimestamp } });
    assert.deepEqual([(await look()).sessions[0]?.knownForMs, (await look()).leavingForMs], [3_000, 0]);
    await clock.advance(2_000);
    assert.deepEqual([(await look()).sessions[0]?.knownForMs, (await look()).leavingForMs], [5_000, 2_000]);
  });

  it('is not known in part: what cannot be read fails the whole look', async () => {
    const { look, kube } = setUp();
    putSplit(kube);
    const away = new SplitterError('ApiUnreachable', 'no answer', { retryable: true });
    for (const call of ['list splitsessions', 'get namespaces', 'get deployments', 'list pods', 'list replicasets']) {
      kube.fail(call, away);
      await assert.rejects(look(), away, call);
    }
    await look();
  });
});

describe('the webhook entry', () => {
  const withAnswers = (
    phase: SplitPhase,
    answers: { registered?: boolean | Error; problem?: string | Error },
  ): SetUp => {
    const bench = setUp();
    putSplit(bench.kube, { phase });
    const answer = <T>(value: T | Error): Promise<T> =>
      value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
    bench.context.webhook.isRegistered = () => answer(answers.registered ?? false);
    bench.context.webhook.problem = () => answer(answers.problem as string | Error);
    return bench;
  };
  const AWAY = new SplitterError('ApiUnreachable', 'no answer from the API server', { retryable: true });

  it('that is missing while pods must be patched says why it cannot be written', async () => {
    const { look } = withAnswers('Splitting', { problem: 'no ready endpoint' });
    assert.deepEqual((await look()).webhook, { registered: false, problem: 'no ready endpoint', full: false });
  });

  it('that cannot be looked up then is a problem with a sentence, and nothing else stops', async () => {
    for (const answers of [{ registered: AWAY }, { problem: AWAY }]) {
      const { look } = withAnswers('Splitting', answers);
      assert.deepEqual((await look()).webhook, { registered: false, problem: AWAY.message, full: false });
    }
  });

  it('that cannot be looked up on the way back is not taken for gone', async () => {
    for (const phase of ['Restoring', 'Abandoned', 'Cleaning'] as const) {
      await assert.rejects(withAnswers(phase, { registered: AWAY }).look(), AWAY, phase);
    }
  });

  it('needs no proof when nobody wants it', async () => {
    const { look } = withAnswers('Restoring', { problem: AWAY });
    assert.deepEqual((await look()).webhook, { registered: false, problem: undefined, full: false });
  });
});

describe('the time without a patched pod', () => {
  const annotated = { metadata: { annotations: { [RESTARTED_AT_ANNOTATION]: 'now' } }, spec: { containers: [] } };
  const disturbances: [string, (bench: Bench) => void][] = [
    ['patched pod', ({ kube }) => putPod(kube, 'late', { token: 'qs-1' })],
    ['webhook entry', ({ webhook }) => Object.assign(webhook, { registered: true })],
    ['restart annotation', ({ kube }) => putDeployment(kube, { spec: { template: annotated } })],
  ];
  for (const [what, disturb] of disturbances) {
    it(`begins anew after a ${what} was seen`, async () => {
      const bench = setUp();
      putDeployment(bench.kube);
      putSplit(bench.kube, { phase: 'Restoring' });
      await bench.look();
      await bench.clock.advance(4_000);
      assert.equal((await bench.look()).unpatchedForMs, 4_000);
      disturb(bench);
      assert.equal((await bench.look()).unpatchedForMs, 0);
    });
  }

  it('does not run in a phase in which pods are patched', async () => {
    const { look, kube, clock } = setUp();
    putSplit(kube, { phase: 'Splitting' });
    await look();
    await clock.advance(4_000);
    assert.equal((await look()).unpatchedForMs, 0);
  });
});

it('addresses of pods that have gone are told to the broker, and those of living ones are not', async () => {
  const { look, kube, brokers } = setUp();
  const told: string[][] = [];
  brokers.Kafka.settle = async (_queue?: unknown, gone: ReadonlySet<string> = new Set()) => {
    told.push([...gone]);
    return { settled: true, message: '' };
  };
  putDeployment(kube);
  const queue = sqsQueue('views', { kind: 'Kafka' });
  const [variable] = queue.variables;
  const environment = variable ? [{ ...variable, value: 'fallback' }] : [];
  putSplit(kube, { phase: 'Patching', token: 'qs-1', queues: [queue], environment });
  putPod(kube, 'old', { status: { podIP: '10.0.0.1' } });
  await look();
  kube.remove(PODS, { name: 'old', namespace: 'shop' });
  putPod(kube, 'new', { token: 'qs-1', status: { podIP: '10.0.0.2' } });
  await look();
  putPod(kube, 'newer', { token: 'qs-1', status: { podIP: '10.0.0.1' } });
  await look();
  assert.deepEqual(told, [['10.0.0.1'], []]);
});

describe('what a session asks for', () => {
  it('is resolved while it can still join', async () => {
    const { look, kube } = setUp();
    putDeployment(kube);
    putSession(kube, 'alice');
    assert.deepEqual((await look()).sessions[0]?.resolution, { ok: true, value: RESOLUTION });
  });

  it('is a problem with its code when it cannot be had', async () => {
    const { look, kube } = setUp({
      resolve: async () => {
        throw new SplitterError('UnknownQueueId', 'there is no queue id order');
      },
    });
    putSession(kube, 'alice');
    assert.deepEqual((await look()).sessions[0]?.resolution, {
      ok: false,
      problem: { code: 'UnknownQueueId', message: 'there is no queue id order', retryable: false },
    });
  });

  it('is not asked for sessions that are over, routed, or come when there is no way back', async () => {
    const { look, kube, resolved, clock } = setUp();
    const change = (name: string, more: Partial<SplitSession>, metadata: object = {}): void => {
      const session = putSession(kube, name);
      kube.put(SPLIT_SESSIONS, { ...session, ...more, metadata: { ...session.metadata, ...metadata } });
    };
    change('deleted', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    change('failed', { status: { phase: 'Failed' } });
    putSession(kube, 'silent', { heartbeat: { timeoutSeconds: 10 } });
    const routed = putSession(kube, 'routed');
    const route = {
      session: 'routed',
      sessionUid: routed.metadata.uid ?? '',
      filter: {},
      mode: 'steal' as const,
      destination: { name: 'q' },
      startedAt: '',
      ending: false,
    };
    const split = putSplit(kube, { phase: 'Splitting', queues: [sqsQueue('orders', { routes: [route] })] });
    await look();
    for (let count = 0; count < 2; count += 1) {
      await clock.advance(5_000);
      resolved.length = 0;
      await look();
    }
    assert.deepEqual(resolved, []);
    putSession(kube, 'late');
    kube.put(WORKLOAD_SPLITS, { ...split, spec: { ...split.spec, phase: 'Restoring' } });
    await look();
    assert.deepEqual(resolved, []);
  });
});
