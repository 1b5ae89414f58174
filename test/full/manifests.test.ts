/**
 * Odd Deployments on the real cluster, split all at once: what their containers find in their environment before, during and after, by the kubelet's
 * own account (they print it); and those that cannot be split are refused with a sentence and left as they were.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { readApi } from '../cluster/stage/api.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import { readPods, readSplits, untilRestored, webhookEntries } from '../cluster/stage/seen.ts';
import { createSession, type PlayedSession, readSession } from '../cluster/stage/session.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../shop/manifests.ts';
import { waitFor } from '../testbed/wait.ts';
import { CASES, type Case } from './manifests/cases.ts';
import { deploymentsOf, inside, namespaceOf, registry } from './manifests/objects.ts';

const NAMESPACE = 'odd';
const FULL = 'full';
const DEADLINE = { deadlineMs: 240_000, intervalMs: 500 };
const FILTER = { tenant: '^alice$' };
let stage: Stage;
let deployment: ReturnType<typeof deploymentsOf>;

type Loose = Readonly<Record<string, unknown>>;

const originalsOf = ({ name, originals = [name] }: Case) => originals;
async function createQueues(names: readonly string[]): Promise<void> {
  const client = stage.sqs.client();
  for (const QueueName of names) await client.send(new CreateQueueCommand({ QueueName }));
  client.destroy();
}

/** Not applied: server-side apply refuses a variable that is there twice, which the API server itself takes. */
async function create(namespace: string, objects: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects.map(inside(namespace)) };
  await stage.cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(list) });
}

async function rolledOut(namespace: string, name: string): Promise<void> {
  await stage.cluster.kubectl(['rollout', 'status', `deployment/${name}`, '-n', namespace, '--timeout=240s'], {
    deadlineMs: 250_000,
  });
}

const selectorOf = ({ name, labels = { app: name } }: Pick<Case, 'name' | 'labels'>) =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** What the newest pods' containers printed, container by container; every pod must agree. */
async function printed(one: Case, container: string): Promise<Loose[]> {
  const pods = (await readPods(stage, NAMESPACE, selectorOf(one))).filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
  return await Promise.all(
    pods.map(async ({ metadata }) => {
      const log = await stage.cluster.kubectl(['logs', '-n', NAMESPACE, metadata.name, '-c', container]);
      return JSON.parse(log.trim().split('\n')[0] ?? '') as Loose;
    }),
  );
}

async function assertEnvironment(one: Case, q: (original: string) => string): Promise<void> {
  for (const [container, expected] of Object.entries(one.expected(q))) {
    const names = new Set([
      ...Object.keys(expected),
      ...Object.keys(one.expected((name) => `${name}-other`)[container] ?? {}),
    ]);
    await waitFor(
      `${one.name.slice(0, 40)}/${container} to print its environment`,
      async () => {
        const all = await printed(one, container);
        assert.ok(all.length > 0 || one.spec?.['replicas'] === 0, 'a pod');
        for (const found of all) {
          assert.deepEqual(
            Object.fromEntries([...names].flatMap((name) => (name in found ? [[name, found[name]]] : []))),
            expected,
          );
        }
        return true;
      },
      { deadlineMs: 60_000, intervalMs: 500 },
    );
  }
}

async function fallbacks(target: string): Promise<Map<string, string>> {
  const split = (await readSplits(stage, NAMESPACE)).find(({ spec }) => spec.target.name === target);
  return new Map(split?.spec.queues.map(({ original, fallback }) => [original.name, fallback.name]));
}

before(async () => {
  stage = await openStage({ rate: 1 });
  const path = 'jsonpath={.spec.template.spec.containers[0].image}';
  const image = (
    await stage.cluster.kubectl(['get', 'deployment', ORDERS_WORKER, '-n', SHOP_NAMESPACE, '-o', path])
  ).trim();
  deployment = deploymentsOf(image);
  await stage.cluster.apply([namespaceOf(NAMESPACE), namespaceOf(FULL)] as never);
  await createQueues([...CASES.flatMap(originalsOf), 'nobody', 'quota']);
});
after(() => closeStage(stage));

describe('odd Deployments', () => {
  const sessions = new Map<string, PlayedSession>();

  before(async () => {
    const limits = { type: 'Container', default: { memory: '256Mi' }, defaultRequest: { cpu: '1m', memory: '16Mi' } };
    await create(NAMESPACE, [
      { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'limits' }, spec: { limits: [limits] } },
      ...CASES.flatMap(({ objects = [] }) => objects),
    ]);
    const twin = {
      ...deployment({
        name: 'twin',
        labels: { app: 'shared' },
        containers: [{ name: 'app', env: [{ name: 'Q', value: 'twins' }] }],
      }),
    };
    await create(NAMESPACE, [...CASES.map(deployment), ...CASES.map((one) => registry(one)), twin]);
    await Promise.all([...CASES.map(({ name }) => name), 'twin'].map((name) => rolledOut(NAMESPACE, name)));
  });

  it('have their own environment at first', async () => {
    for (const one of CASES.filter(({ name }) => name !== 'shared'))
      await assertEnvironment(one, (original) => original);
  });

  it('are split all at once', async () => {
    for (const [index, { name }] of CASES.entries()) {
      const request = { name: `odd-${index}`, filter: FILTER, branch: NAMESPACE, target: name, ids: { SQS: 'orders' } };
      sessions.set(name, await createSession(stage, request));
    }
    await Promise.all([...sessions.values()].map((session) => session.ready(240_000)));
  });

  for (const one of CASES) {
    it(`${one.what}: its pods read the fallback queues`, async () => {
      const places = await fallbacks(one.name);
      assert.deepEqual([...places.keys()].sort(), [...originalsOf(one)].sort());
      if (one.name === 'shared') return await assertShared(places.get('shared') ?? '');
      await assertEnvironment(one, (original) => places.get(original) ?? original);
    });
  }

  async function assertShared(fallback: string): Promise<void> {
    const shared = CASES.find(({ name }) => name === 'shared') as Case;
    await waitFor(
      'both Deployments that share labels to print their environment',
      async () => {
        const all = await printed(shared, 'app');
        assert.deepEqual(all.map(({ Q }) => Q).sort(), [fallback, 'twins'].sort());
        return true;
      },
      { deadlineMs: 60_000, intervalMs: 500 },
    );
  }

  it('are as before when their sessions have ended', async () => {
    await Promise.all([...sessions.values()].map((session) => session.end(240_000)));
    await untilRestored(stage, NAMESPACE, { deadlineMs: 240_000 });
    for (const one of CASES.filter(({ name }) => name !== 'shared'))
      await assertEnvironment(one, (original) => original);
    for (const { name } of CASES) {
      const found = await readApi<{ spec: { template: { metadata: Loose } } }>(
        stage.cluster,
        `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`,
      );
      assert.equal(found?.spec.template.metadata['annotations'], undefined, name);
    }
    assert.deepEqual(await webhookEntries(stage), []);
  });
});

it('a Deployment of no pods is split at once, and the pods that it gets later read the fallback', async () => {
  const one: Case = {
    name: 'nobody',
    what: '',
    containers: [{ name: 'app', env: [{ name: 'Q', value: 'nobody' }] }],
    spec: { replicas: 0 },
    expected: (q) => ({ app: { Q: q('nobody') } }),
  };
  await create(NAMESPACE, [deployment(one), registry(one)]);
  const session = await createSession(stage, {
    name: 'nobody',
    filter: FILTER,
    branch: NAMESPACE,
    target: 'nobody',
    ids: { SQS: 'orders' },
  });
  await session.ready();
  await stage.cluster.kubectl(['scale', 'deployment/nobody', '-n', NAMESPACE, '--replicas=2']);
  await rolledOut(NAMESPACE, 'nobody');
  const places = await fallbacks('nobody');
  assert.ok(places.has('nobody'));
  await assertEnvironment({ ...one, spec: {} }, (original) => places.get(original) ?? original);
  await session.end();
  await untilRestored(stage, NAMESPACE);
  await assertEnvironment({ ...one, spec: {} }, (original) => original);
});

it('a full quota is named, and nothing is left of the attempt', async () => {
  const one: Case = {
    name: 'quota',
    what: '',
    containers: [{ name: 'app', env: [{ name: 'Q', value: 'quota' }] }],
    expected: () => ({}),
  };
  const quota = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'one-pod' },
    spec: { hard: { pods: '1' } },
  };
  await create(FULL, [quota, deployment(one), registry(one, { workloadRestartTimeout: 20 })]);
  await rolledOut(FULL, 'quota');
  const pods = (await readPods(stage, FULL, 'app=quota')).map(({ metadata }) => metadata.uid);
  const session = await createSession(stage, {
    name: 'quota',
    filter: FILTER,
    branch: FULL,
    target: 'quota',
    ids: { SQS: 'orders' },
  });
  const status = await session.refused(90_000);
  assert.match(status.message ?? '', /exceeded quota: one-pod/);
  await session.end();
  await untilRestored(stage, FULL);
  assert.deepEqual(
    (await readPods(stage, FULL, 'app=quota')).map(({ metadata }) => metadata.uid),
    pods,
  );
});

for (const [kind, apiVersion] of [
  ['StatefulSet', 'apps/v1'],
  ['Rollout', 'argoproj.io/v1alpha1'],
] as const) {
  it(`a ${kind} is refused with a sentence`, async () => {
    const name = `refused-${kind.toLowerCase()}`;
    await create(NAMESPACE, [
      {
        apiVersion: 'queuesplitter.dev/v1alpha1',
        kind: 'SplitSession',
        metadata: { name },
        spec: { target: { apiVersion, kind, name: 'worker' }, queues: [{ id: 'orders', kind: 'SQS', filter: FILTER }] },
      },
    ]);
    const status = await waitFor(
      `${name} to be refused`,
      async () => {
        const found = (await readSession(stage, name, NAMESPACE))?.status;
        return found?.phase === 'Failed' && found;
      },
      DEADLINE,
    );
    assert.equal(status.reason, 'TargetUnsupported');
    assert.match(status.message ?? '', new RegExp(`${kind} worker cannot be split yet; only Deployments can`));
  });
}
