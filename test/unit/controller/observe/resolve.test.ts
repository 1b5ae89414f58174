import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QueueKind } from '../../../../api/kinds/common.ts';
import type { SessionQueue } from '../../../../api/kinds/split-session.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  KAFKA_TOPICS_CONSUMERS,
  QUEUE_REGISTRIES,
} from '../../../../common/kube/resources.ts';
import type { Resolution } from '../../../../controller/decide/observed.ts';
import { createResolver, type ResolverOptions } from '../../../../controller/observe/resolve.ts';
import type { Deployment } from '../../../../controller/observe/workload.ts';
import { type Bench, createBench, putDeployment, putSession, TARGET } from '../bench.ts';
import { refusal } from '../fake-kube.ts';

const ORDERS: SessionQueue = { id: 'orders', kind: 'SQS', filter: { tenant: '^alice$' }, mode: 'steal' };
const VIEWS: SessionQueue = { ...ORDERS, id: 'views', kind: 'Kafka' };
const BOTH: ReadonlySet<QueueKind> = new Set(['SQS', 'Kafka']);

type Container = { name: string; env?: object[]; envFrom?: object[] };

const variable = (name: string, value: string): object => ({ name, value });
const containers = (...env: object[]): Container[] => [{ name: 'app', env }];

function putRegistry({ kube }: Bench, queues: Record<string, object>, name = 'orders-queues'): void {
  kube.put(QUEUE_REGISTRIES, {
    metadata: { name, namespace: 'shop' },
    spec: { consumer: { name: 'orders-worker', workloadType: 'Deployment' }, queues },
  });
}

function putTopics({ kube }: Bench, topic: object = {}): void {
  const source = (name: string) => [{ directEnvVar: { container: 'app', variable: name } }];
  kube.put(KAFKA_TOPICS_CONSUMERS, {
    metadata: { name: 'orders-topics', namespace: 'shop' },
    spec: {
      consumerApiVersion: 'apps/v1',
      consumerKind: 'Deployment',
      consumerName: 'orders-worker',
      consumerRestartTimeout: 90,
      splitTtl: 30,
      topics: [
        {
          id: 'views',
          clientConfig: 'base',
          nameSources: source('VIEWS_TOPIC'),
          groupIdSources: source('VIEWS_GROUP'),
          ...topic,
        },
      ],
    },
  });
}

const sqs = (nameSource: object, more: object = {}): object => ({ queueType: 'SQS', nameSource, ...more });

type How = { queues?: SessionQueue[]; pods?: Container[]; options?: Partial<ResolverOptions>; container?: string };

async function resolve(bench: Bench, how: How = {}): Promise<Resolution> {
  const { queues = [ORDERS], pods = containers(variable('ORDERS_QUEUE', 'orders')), options = {}, container } = how;
  putDeployment(bench.kube, { spec: { template: { spec: { containers: pods } } } });
  const workload = bench.kube.peek<Deployment>(DEPLOYMENTS, { name: 'orders-worker', namespace: 'shop' });
  const target = { ...TARGET, ...(container === undefined ? {} : { container }) };
  const resolver = createResolver({
    client: bench.kube,
    brokers: bench.brokers,
    kinds: BOTH,
    defaultTtlSeconds: { SQS: 0, Kafka: 7 },
    ...options,
  });
  return await resolver(putSession(bench.kube, 'alice', { target, queues }), workload);
}

const withOrders = (): Bench => {
  const bench = createBench();
  putRegistry(bench, { orders: sqs({ envVar: 'ORDERS_QUEUE' }, { tags: { team: 'shop' } }) });
  return bench;
};

describe('the way from a queue id to its original', () => {
  it('leads over the registry and the variable, and keeps what each of them said', async () => {
    const { queues, restartTimeoutSeconds, ttlSeconds } = await resolve(withOrders());
    const [queue] = queues;
    assert.deepEqual(queue, {
      key: 'orders',
      id: 'orders',
      kind: 'SQS',
      filter: { tenant: '^alice$' },
      original: { name: 'orders', url: 'https://sqs/orders' },
      identity: 'identity of orders',
      connection: {},
      variables: [
        {
          container: 'app',
          variable: 'ORDERS_QUEUE',
          format: 'Plain',
          original: 'orders',
          origin: queue?.variables[0]?.origin,
        },
      ],
      groupVariables: [],
      tags: { team: 'shop' },
    });
    assert.deepEqual([queues.length, restartTimeoutSeconds, ttlSeconds], [1, 120, 0]);
  });

  it('keeps the region of a URL or an ARN', async () => {
    const arn = 'arn:aws:sqs:eu-central-1:123456789012:orders';
    const { queues } = await resolve(withOrders(), { pods: containers(variable('ORDERS_QUEUE', arn)) });
    assert.deepEqual([queues[0]?.connection, queues[0]?.original.name], [{ region: 'eu-central-1' }, 'orders']);
  });

  it('leads over a ConfigMap, which is read now and from the namespace of the target', async () => {
    const bench = withOrders();
    bench.kube.put(CONFIG_MAPS, {
      metadata: { name: 'settings', namespace: 'shop' },
      data: { ORDERS_QUEUE: 'orders-7' },
    });
    bench.kube.put(CONFIG_MAPS, {
      metadata: { name: 'settings', namespace: 'other' },
      data: { ORDERS_QUEUE: 'wrong' },
    });
    const pods = [{ name: 'app', envFrom: [{ configMapRef: { name: 'settings' } }] }];
    const { queues } = await resolve(bench, { pods });
    assert.equal(queues[0]?.original.name, 'orders-7');
    assert.match(queues[0]?.variables[0]?.origin ?? '', /settings/);
  });

  it('names the group of a topic, and the variables that a session gets another one in', async () => {
    const bench = createBench();
    putTopics(bench);
    const pods = containers(variable('VIEWS_TOPIC', 'views'), variable('VIEWS_GROUP', 'workers'));
    const { queues, restartTimeoutSeconds, ttlSeconds } = await resolve(bench, { queues: [VIEWS], pods });
    assert.deepEqual(queues[0]?.original, { name: 'views', topicId: 'id-views', group: 'workers' });
    assert.deepEqual(queues[0]?.connection, { clientConfig: 'base' });
    assert.deepEqual(
      queues[0]?.groupVariables.map((entry) => entry.variable),
      ['VIEWS_GROUP'],
    );
    assert.deepEqual([restartTimeoutSeconds, ttlSeconds], [90, 30]);
  });

  it('takes the longest of the times that the queues of a session ask for', async () => {
    const bench = withOrders();
    putTopics(bench, {});
    const pods = containers(
      variable('ORDERS_QUEUE', 'orders'),
      variable('VIEWS_TOPIC', 'views'),
      variable('VIEWS_GROUP', 'workers'),
    );
    const resolution = await resolve(bench, { queues: [ORDERS, VIEWS], pods });
    assert.deepEqual([resolution.restartTimeoutSeconds, resolution.ttlSeconds], [120, 30]);
  });
});

describe('one id for several queues', () => {
  it('gives each a key of its own', async () => {
    const bench = createBench();
    putRegistry(bench, { orders: sqs({ regexPattern: '^QUEUE_' }) });
    const pods = containers(variable('QUEUE_A', 'orders-a'), variable('QUEUE_B', 'orders-b'));
    const { queues } = await resolve(bench, { pods });
    assert.deepEqual(
      queues.map(({ key, variables }) => [key, variables.map((entry) => entry.variable)]),
      [
        ['orders::orders-a', ['QUEUE_A']],
        ['orders::orders-b', ['QUEUE_B']],
      ],
    );
  });

  it('counts a queue once that two variables name in different ways', async () => {
    const bench = createBench();
    putRegistry(bench, { orders: sqs({ regexPattern: '^QUEUE_' }) });
    const pods = containers(
      variable('QUEUE_NAME', 'orders'),
      variable('QUEUE_URL', 'https://sqs.eu-central-1.amazonaws.com/123456789012/orders'),
    );
    const { queues } = await resolve(bench, { pods });
    assert.deepEqual(
      queues.map(({ key, variables }) => [key, variables.map((entry) => entry.variable)]),
      [['orders', ['QUEUE_NAME', 'QUEUE_URL']]],
    );
  });

  it('finds each of them in a variable that holds a JSON map', async () => {
    const bench = createBench();
    putRegistry(bench, { orders: sqs({ envVar: 'QUEUES' }, { namesFromJsonMap: true }) });
    const pods = containers(variable('QUEUES', '{"a":"orders-a","b":"orders-b"}'));
    const { queues } = await resolve(bench, { pods });
    assert.deepEqual(
      queues.map(({ key, variables }) => [key, variables[0]?.format]),
      [
        ['orders::orders-a', 'JsonMap'],
        ['orders::orders-b', 'JsonMap'],
      ],
    );
  });
});

it('all queues means those of the container that the session stands for', async () => {
  const bench = withOrders();
  putRegistry(bench, { ads: sqs({ envVar: 'ADS_QUEUE' }) }, 'more');
  const pods = [
    ...containers(variable('ORDERS_QUEUE', 'orders')),
    { name: 'web', env: [variable('ADS_QUEUE', 'ads')] },
  ];
  const { queues } = await resolve(bench, { pods, container: 'web', queues: [{ ...ORDERS, id: '*' }] });
  assert.deepEqual(
    queues.map(({ id }) => id),
    ['ads'],
  );
});

describe('a session is refused with a sentence', () => {
  const refused = async (bench: Bench, how: How, code: string, message: RegExp): Promise<void> => {
    await assert.rejects(resolve(bench, how), { code, message });
  };

  it('for a target that is not there, or of a kind that cannot be restarted', async () => {
    const bench = withOrders();
    const resolver = createResolver({
      client: bench.kube,
      brokers: bench.brokers,
      kinds: BOTH,
      defaultTtlSeconds: { SQS: 0, Kafka: 0 },
    });
    await assert.rejects(resolver(putSession(bench.kube, 'alice'), undefined), {
      code: 'TargetNotFound',
      message: /Deployment orders-worker does not exist in namespace shop/,
    });
    const target = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'orders-worker' } as const;
    await assert.rejects(resolver(putSession(bench.kube, 'bob', { target }), undefined), {
      code: 'TargetUnsupported',
      message: /StatefulSet orders-worker/,
    });
  });

  it('for a queue that the broker does not have, with the place of its name', async () => {
    await refused(
      withOrders(),
      { pods: containers(variable('ORDERS_QUEUE', 'missing-orders')) },
      'QueueNotFound',
      /queue id orders, variable ORDERS_QUEUE of container app \(.*\), value "missing-orders": SQS queue missing-orders does not exist/,
    );
  });

  it('for a variable that the pod template does not have', async () => {
    await refused(withOrders(), { pods: containers() }, 'VariableMissing', /ORDERS_QUEUE/);
  });

  it('for a filter that does not compile, before any broker is asked', async () => {
    const bench = withOrders();
    await refused(bench, { queues: [{ ...ORDERS, filter: { tenant: '(' } }] }, 'InvalidFilter', /orders/);
    assert.deepEqual(bench.brokers.SQS.calls, []);
  });

  it('for two groups that read one topic', async () => {
    const bench = createBench();
    putTopics(bench, {
      groupIdSources: [
        { directEnvVar: { container: 'app', variable: 'VIEWS_GROUP' } },
        { directEnvVar: { container: 'app', variable: 'OTHER_GROUP' } },
      ],
    });
    const pods = containers(
      variable('VIEWS_TOPIC', 'views'),
      variable('VIEWS_GROUP', 'a'),
      variable('OTHER_GROUP', 'b'),
    );
    await refused(bench, { queues: [VIEWS], pods }, 'InvalidConfig', /several groups \(a, b\)/);
  });

  it('for an id that nobody declares', async () => {
    await refused(
      withOrders(),
      { queues: [{ ...ORDERS, id: 'order' }] },
      'UnknownQueueId',
      /declared are orders \(SQS\)/,
    );
  });

  it('for a container that does not read the queue: its process would read the original', async () => {
    const pods = [...containers(variable('ORDERS_QUEUE', 'orders')), { name: 'proxy' }];
    for (const container of ['proxy', 'typo']) {
      await refused(
        withOrders(),
        { pods, container },
        'VariableMissing',
        new RegExp(
          `Container ${container} has no variable for queue id orders; they are in container app \\(ORDERS_QUEUE\\)`,
        ),
      );
      await refused(
        withOrders(),
        { pods, container, queues: [{ ...ORDERS, id: '*' }] },
        'VariableMissing',
        /queue id \*/,
      );
    }
  });
});

describe('what cannot be read now', () => {
  it('may be tried again when the broker does not answer', async () => {
    const bench = withOrders();
    bench.brokers.SQS.failure = refusal(409, '', 'no answer');
    await assert.rejects(resolve(bench), {
      retryable: true,
      message: /queue id orders, variable ORDERS_QUEUE.*no answer/,
    });
  });

  it('is not asked for where the chart was installed without it', async () => {
    const bench = withOrders();
    bench.kube.fail('list mirrordkafkatopicsconsumers', refusal(404, '', 'the server has no such resource'));
    const { queues } = await resolve(bench, { options: { kinds: new Set(['SQS']) } });
    assert.equal(queues.length, 1);
  });
});
