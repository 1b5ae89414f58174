import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import type { SessionQueue } from '../../../../api/kinds/split-session.ts';
import { declarationsFor } from '../../../../controller/compat/declarations.ts';
import type { SplitQueueDeclaration } from '../../../../controller/compat/domain.ts';
import { selectQueues } from '../../../../controller/compat/select.ts';

const guide = async (name: string) =>
  parse(await readFile(new URL(`../../../fixtures/guide/${name}`, import.meta.url), 'utf8'));
const target = { kind: 'Deployment', name: 'meme-app' } as const;
const registry = await guide('queue-registry.yaml');
const consumer = await guide('topics-consumer.yaml');

const changed = (object: typeof registry, name: string, spec: object) => ({
  ...object,
  metadata: { ...object.metadata, name },
  spec: { ...object.spec, ...spec },
});

describe('translation', () => {
  it("of the guide's resources", () => {
    const { declarations, unsupported } = declarationsFor(target, {
      registries: [registry],
      topicsConsumers: [consumer],
    });
    assert.deepEqual(unsupported, []);
    assert.deepEqual(declarations[0], {
      id: 'meme-queue',
      kind: 'SQS',
      declaredIn: 'MirrordWorkloadQueueRegistry meme/meme-app-q-registry',
      nameSources: [{ container: 'main', match: { variable: 'INCOMING_MEME_QUEUE_NAME' }, jsonMap: false }],
      groupIdSources: [],
      tags: { tool: 'mirrord' },
      restartTimeoutSeconds: 120,
    });
    assert.deepEqual(declarations[2], {
      id: 'views-topic',
      kind: 'Kafka',
      declaredIn: 'MirrordKafkaTopicsConsumer meme/meme-app-topics-consumer',
      nameSources: [{ container: 'consumer', match: { variable: 'KAFKA_TOPIC_NAME' }, jsonMap: false }],
      groupIdSources: [{ container: 'consumer', match: { variable: 'KAFKA_GROUP_ID' }, jsonMap: false }],
      tags: {},
      clientConfig: 'base-config',
      restartTimeoutSeconds: 60,
    });
  });

  it('of every field', () => {
    const queue = {
      queueType: 'SQS',
      nameSource: { regexPattern: '^Q_' },
      fallbackName: 'orders',
      namesFromJsonMap: true,
    };
    const topic = {
      id: 'views',
      clientConfig: 'base',
      nameSources: [{ directEnvVar: { container: 'app', name: 'OLD_SPELLING', fallback: 'views' } }],
      groupIdSources: [{ directEnvVar: { container: 'app', variable: 'GROUP' } }],
    };
    const { declarations } = declarationsFor(target, {
      registries: [
        changed(registry, 'r', {
          consumer: { name: 'meme-app', workloadType: 'Deployment', container: null },
          queues: { all: queue },
          workloadRestartTimeout: 180,
        }),
      ],
      topicsConsumers: [changed(consumer, 'c', { topics: [topic], consumerRestartTimeout: 90, splitTtl: 0 })],
    });
    const [all, views] = declarations;
    assert.deepEqual(all?.nameSources, [{ match: { pattern: '^Q_' }, jsonMap: true, defaultValue: 'orders' }]);
    assert.deepEqual([all?.restartTimeoutSeconds, all?.ttlSeconds], [180, undefined]);
    assert.deepEqual(views?.nameSources, [
      { container: 'app', match: { variable: 'OLD_SPELLING' }, jsonMap: false, defaultValue: 'views' },
    ]);
    assert.deepEqual([views?.restartTimeoutSeconds, views?.ttlSeconds], [90, 0]);
  });

  it('merges several registries of one workload and leaves out those of others', () => {
    const more = changed(registry, 'more', { queues: { third: registry.spec.queues['ad-queue'] } });
    const other = changed(registry, 'other', { consumer: { name: 'other', workloadType: 'Deployment' } });
    const { declarations } = declarationsFor(target, { registries: [registry, more, other], topicsConsumers: [] });
    assert.deepEqual(
      declarations.map(({ id }) => id),
      ['meme-queue', 'ad-queue', 'third'],
    );
  });

  it('reports what cannot be split', () => {
    const queues = {
      invoices: { queueType: 'RMQ', nameSource: { envVar: 'A' }, clusterProperties: 'x' },
      notices: { queueType: 'SQS', nameSource: { envVar: 'B' }, sns: true },
    };
    const stream = {
      id: 'stream',
      clientConfig: 'base',
      nameSources: [{ directEnvVar: { container: 'app', variable: 'T' } }],
      applicationIdSources: [{ directEnvVar: { container: 'app', variable: 'A' } }],
    };
    const { declarations, unsupported } = declarationsFor(target, {
      registries: [changed(registry, 'r', { queues })],
      topicsConsumers: [changed(consumer, 'c', { topics: [stream] })],
    });
    assert.deepEqual(declarations, []);
    assert.deepEqual(
      unsupported.map(({ id, kind }) => [id, kind]),
      [
        ['invoices', 'RMQ'],
        ['notices', 'SQS'],
        ['stream', 'Kafka'],
      ],
    );
  });

  it('refuses doubles, nothing and broken resources by name', () => {
    const resources = (...registries: object[]) => ({ registries: registries as never[], topicsConsumers: [] });
    assert.throws(() => declarationsFor(target, resources(registry, changed(registry, 'again', {}))), {
      code: 'InvalidConfig',
      message: /queue id meme-queue of Deployment meme-app is declared twice, in .*meme-app-q-registry and in .*again/,
    });
    assert.throws(() => declarationsFor({ kind: 'Rollout', name: 'meme-app' }, resources(registry)), {
      code: 'RegistryMissing',
      message: /Rollout meme-app reads; declared are Deployment meme-app/,
    });
    const broken = changed(registry, 'r', { queues: { orders: { queueType: 'SQS', nameSource: { name: 'A' } } } });
    assert.throws(() => declarationsFor(target, resources(broken)), {
      code: 'InvalidConfig',
      message: /meme\/r: spec\.queues\.orders\.nameSource: .*exactly one of envVar and regexPattern/,
    });
  });
});

describe('selectQueues', () => {
  const declaration = (id: string, kind: 'SQS' | 'Kafka', container?: string): SplitQueueDeclaration => ({
    id,
    kind,
    declaredIn: 'test',
    nameSources: [{ match: { variable: id }, jsonMap: false, ...(container === undefined ? {} : { container }) }],
    groupIdSources: [],
    tags: {},
    restartTimeoutSeconds: 60,
  });
  const declared = {
    declarations: [
      declaration('orders', 'SQS'),
      declaration('ads', 'SQS', 'app'),
      declaration('views', 'Kafka', 'web'),
    ],
    unsupported: [
      { id: 'invoices', kind: 'RMQ', declaredIn: 'a registry', reason: 'queues of type RMQ are not supported' },
    ],
  };
  const entry = (id: string, kind: 'SQS' | 'Kafka', value = 'x'): SessionQueue => ({
    id,
    kind,
    filter: { tenant: value },
    mode: 'steal',
  });
  const selected = (wanted: SessionQueue[], container?: string) =>
    selectQueues(wanted, declared, container).map((queue) => [queue.declaration.id, queue.filter['tenant']]);

  it('an explicit entry wins over *, wherever it stands', () => {
    const expected = [
      ['orders', 'all'],
      ['ads', 'mine'],
    ];
    assert.deepEqual(selected([entry('*', 'SQS', 'all'), entry('ads', 'SQS', 'mine')]), expected);
    assert.deepEqual(selected([entry('ads', 'SQS', 'mine'), entry('*', 'SQS', 'all')]), expected);
  });

  it('* means all of that kind', () => {
    assert.deepEqual(selected([entry('*', 'Kafka')]), [['views', 'x']]);
  });

  it('looks only at queues of the container that the session names', () => {
    assert.deepEqual(
      selected([entry('*', 'SQS')], 'app').map(([id]) => id),
      ['orders', 'ads'],
    );
    assert.deepEqual(
      selected([entry('*', 'SQS')], 'web').map(([id]) => id),
      ['orders'],
    );
    assert.throws(() => selected([entry('ads', 'SQS')], 'web'), {
      code: 'UnknownQueueId',
      message: 'There is no queue id ads for container web; declared are orders (SQS), views (Kafka).',
    });
  });

  it('refuses what is not there and lists what is', () => {
    const cases: [SessionQueue[], string, RegExp][] = [
      [
        [entry('order', 'SQS')],
        'UnknownQueueId',
        /no queue id order; declared are orders \(SQS\), ads \(SQS\), views \(Kafka\)/,
      ],
      [[entry('views', 'SQS')], 'UnknownQueueId', /declared as Kafka in test, but the session asks for SQS/],
      [[entry('invoices', 'SQS')], 'UnsupportedQueueKind', /RMQ are not supported/],
      [[entry('ads', 'SQS'), entry('ads', 'SQS')], 'InvalidConfig', /twice for queue id ads/],
    ];
    for (const [wanted, code, message] of cases) assert.throws(() => selected(wanted), { code, message });
    assert.throws(() => selectQueues([entry('*', 'Kafka')], { declarations: [], unsupported: [] }), {
      code: 'NoQueuesFound',
      message: /all Kafka queues.*no queue is declared/,
    });
  });
});
