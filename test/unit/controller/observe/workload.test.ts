import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RESTARTED_AT_ANNOTATION } from '../../../../api/constants.ts';
import { DEPLOYMENTS, REPLICA_SETS } from '../../../../common/kube/resources.ts';
import { type Deployment, type ObservedWorkload, observeWorkload } from '../../../../controller/observe/workload.ts';
import { type Bench, createBench, putDeployment, putPod, TARGET } from '../bench.ts';

const NAME = { name: 'orders-worker', namespace: 'shop' };
const KNOWN = { ...TARGET, uid: 'deployment-uid', selector: { matchLabels: { app: 'orders-worker' } } };

function setUp(...args: Parameters<typeof putDeployment> extends [unknown, ...infer More] ? More : never): Bench {
  const bench = createBench();
  putDeployment(bench.kube, ...args);
  return bench;
}

const observe = ({ kube }: Bench, lastKnown?: typeof KNOWN): Promise<ObservedWorkload> =>
  observeWorkload(kube, 'shop', TARGET, lastKnown);

const waiting = (reason: string, message?: string) => ({
  containerStatuses: [{ name: 'app', state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } }],
});

describe('the pods of a target', () => {
  it('are made of containers that the template names, those that run first included', async () => {
    const bench = setUp();
    const workload = bench.kube.peek<Deployment>(DEPLOYMENTS, NAME) ?? assert.fail();
    const spec = { containers: [{ name: 'app' }, { name: 'proxy' }], initContainers: [{ name: 'migrate' }] };
    bench.kube.put(DEPLOYMENTS, { ...workload, spec: { ...workload.spec, template: { spec } } });
    assert.deepEqual((await observe(bench)).target?.containers, ['app', 'proxy', 'migrate']);
  });

  it('are told with everything that proves what they read, terminating ones included', async () => {
    const bench = setUp();
    putPod(bench.kube, 'a', { token: 'qs-1', restartedAt: 'now', status: { podIP: '10.0.0.1' } });
    putPod(bench.kube, 'b', { terminating: true, status: { conditions: [{ type: 'Ready', status: 'False' }] } });
    const { pods } = await observe(bench);
    assert.deepEqual(pods, [
      {
        name: 'a',
        uid: 'a-uid',
        token: 'qs-1',
        terminating: false,
        ready: true,
        started: false,
        restartedAt: 'now',
        address: '10.0.0.1',
      },
      {
        name: 'b',
        uid: 'b-uid',
        token: undefined,
        terminating: true,
        ready: false,
        started: false,
        restartedAt: undefined,
        address: undefined,
      },
    ]);
  });

  it('have started when a container of them runs or ever ran', async () => {
    const bench = setUp();
    const put = (name: string, ...containerStatuses: object[]) =>
      putPod(bench.kube, name, { status: { containerStatuses } });
    put('new');
    put('pulling', { name: 'app', restartCount: 0, state: { waiting: { reason: 'ContainerCreating' } } });
    put('half', { name: 'app', state: { waiting: {} } }, { name: 'proxy', state: { running: {} } });
    put('over', { name: 'app', state: { terminated: {} } });
    put('crashing', { name: 'app', restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff' } } });
    const { pods } = await observe(bench);
    const started = pods.filter((pod) => pod.started).map(({ name }) => name);
    assert.deepEqual(started, ['half', 'over', 'crashing']);
  });

  it('carry the token of another operator when they do: nobody else may take them for unpatched', async () => {
    const bench = setUp();
    putPod(bench.kube, 'a', { token: 'true' });
    assert.equal((await observe(bench)).pods[0]?.token, 'true');
  });

  it('are not those of another workload with the same labels', async () => {
    const bench = setUp();
    bench.kube.put(REPLICA_SETS, {
      metadata: {
        name: 'twin-1',
        namespace: 'shop',
        uid: 'twin-set',
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'twin', uid: 'twin-uid' }],
      },
    });
    putPod(bench.kube, 'ours');
    putPod(bench.kube, 'theirs', { set: 'twin-set' });
    const { pods } = await observe(bench);
    assert.deepEqual(
      pods.map(({ name }) => name),
      ['ours'],
    );
  });

  it('count as long as they live, also when their ReplicaSet has gone between the two lists', async () => {
    const bench = setUp();
    putPod(bench.kube, 'a', { set: 'gone' });
    assert.equal((await observe(bench)).pods.length, 1);
  });

  it('of a target that is gone are found by what the split remembers of it', async () => {
    const bench = createBench();
    putPod(bench.kube, 'a', { token: 'qs-1' });
    const { target, workload, pods } = await observe(bench, KNOWN);
    assert.deepEqual([target, workload, pods.length], [undefined, undefined, 1]);
    assert.deepEqual((await observe(bench)).pods, [], 'nothing is known of a target that never was');
  });
});

describe('a rollout', () => {
  const cases: [string, { spec?: object; status?: object }, string | undefined][] = [
    ['is complete', {}, undefined],
    [
      'was not seen by its controller yet',
      { status: { observedGeneration: 0 } },
      'its controller has not seen the newest change',
    ],
    ['has new pods to make', { status: { updatedReplicas: 1 } }, '1 of 2 pods are up to date'],
    ['has old pods to end', { status: { replicas: 3 } }, '1 old pods are still there'],
    [
      'of a target without pods is complete',
      { spec: { replicas: 0 }, status: { replicas: 0, updatedReplicas: 0 } },
      undefined,
    ],
  ];
  for (const [what, more, expected] of cases) {
    it(what, async () => {
      const { target } = await observe(setUp(more));
      assert.equal(target?.rolloutInProgress, expected);
      assert.equal(target?.rolloutComplete, expected === undefined);
    });
  }

  it('without a status has not been seen', async () => {
    const bench = setUp();
    const stored = bench.kube.peek<{ metadata: object; spec: object }>(DEPLOYMENTS, NAME);
    bench.kube.remove(DEPLOYMENTS, NAME);
    bench.kube.put(DEPLOYMENTS, { metadata: stored?.metadata, spec: stored?.spec } as never);
    assert.equal((await observe(bench)).target?.rolloutComplete, false);
  });
});

describe('what keeps new pods from coming', () => {
  it('is said by the target: quota or admission', async () => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }];
    assert.equal((await observe(setUp({ status: { conditions } }))).target?.blocked, 'exceeded quota');
  });

  it('is said by a pod of the newest restart', async () => {
    const bench = setUp();
    putPod(bench.kube, 'a', { status: waiting('ImagePullBackOff', 'no such tag') });
    assert.equal((await observe(bench)).target?.blocked, 'container app of pod a is in ImagePullBackOff: no such tag');
  });

  it('is not what an old pod suffers from, nor what passes by itself', async () => {
    const bench = setUp({
      spec: {
        template: { metadata: { annotations: { [RESTARTED_AT_ANNOTATION]: 'now' } }, spec: { containers: [] } },
      },
    });
    putPod(bench.kube, 'old', { restartedAt: 'before', status: waiting('CrashLoopBackOff') });
    putPod(bench.kube, 'new', { restartedAt: 'now', status: waiting('ContainerCreating') });
    assert.equal((await observe(bench)).target?.blocked, undefined);
  });
});

it('a paused target says so', async () => {
  assert.equal((await observe(setUp({ spec: { paused: true } }))).target?.paused, true);
});
