// Objects for crds.test.ts: one good session and split, and what the API server must refuse.

const MIRRORD = 'queues.mirrord.metalbear.co';
const OURS = 'queuesplitter.dev';

/** Every definition of the chart. */
export const NAMES = [
  `mirrordworkloadqueueregistries.${MIRRORD}`,
  `mirrordsqssessions.${MIRRORD}`,
  `mirrordkafkaclientconfigs.${MIRRORD}`,
  `mirrordkafkatopicsconsumers.${MIRRORD}`,
  `splitsessions.${OURS}`,
  `workloadsplits.${OURS}`,
];

type Manifest = { apiVersion: string; kind: string; metadata: { name: string; namespace: string }; spec: object };

const manifest = (apiVersion: string, kind: string, name: string, spec: object): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'meme' },
  spec,
});

const mirrord = (kind: string, spec: object): Manifest => manifest(`${MIRRORD}/v1alpha`, kind, 'wrong', spec);

const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'meme-app' };
const queue = { id: 'orders', kind: 'SQS', filter: { tenant: '^alice$' } };

export const session = (name: string, spec: object = {}): Manifest =>
  manifest(`${OURS}/v1alpha1`, 'SplitSession', name, { target, queues: [queue], ...spec });

export const split = (name: string, revision: number): Manifest =>
  manifest(`${OURS}/v1alpha1`, 'WorkloadSplit', name, {
    target: { ...target, uid: 'uid', selector: { matchLabels: { app: 'meme-app' } } },
    phase: 'Preparing',
    phaseSince: '2026-01-01T00:00:00Z',
    revision,
  });

const registry = (entry: object): Manifest =>
  mirrord('MirrordWorkloadQueueRegistry', {
    consumer: { name: 'meme-app', workloadType: 'Deployment' },
    queues: { orders: entry },
  });

const source = { directEnvVar: { container: 'app', variable: 'A' } };

const consumer = (topic: object): Manifest =>
  mirrord('MirrordKafkaTopicsConsumer', {
    consumerName: 'meme-app',
    consumerKind: 'Deployment',
    consumerApiVersion: 'apps/v1',
    topics: [{ id: 'views', clientConfig: 'base', nameSources: [source], ...topic }],
  });

const clientConfig = (spec: object): Manifest => mirrord('MirrordKafkaClientConfig', { properties: [], ...spec });

const sqsSession = (spec: object): Manifest =>
  mirrord('MirrordSqsSession', {
    sessionId: '1F0C9A7D33B2E4AA',
    queueConsumer: { name: 'meme-app', workloadType: 'Deployment' },
    queueFilters: { orders: { tenant: '^alice$' } },
    ...spec,
  });

export const refusals: { what: string; object: Manifest; message: RegExp }[] = [
  {
    what: 'a registry queue without a source',
    object: registry({ queueType: 'SQS' }),
    message: /spec\.queues\[orders\]\.nameSource: .*exactly one of envVar and regexPattern/,
  },
  {
    what: 'a registry queue with two sources',
    object: registry({ queueType: 'SQS', nameSource: { envVar: 'A', regexPattern: 'B' } }),
    message: /spec\.queues\[orders\]\.nameSource: .*exactly one of envVar and regexPattern/,
  },
  {
    what: 'a registry with a misspelt source',
    object: registry({ queueType: 'SQS', nameSource: { envvar: 'A' } }),
    message: /spec\.queues\[orders\]\.nameSource: .*exactly one of envVar and regexPattern/,
  },
  {
    what: 'a registry queue without a type',
    object: registry({ nameSource: { envVar: 'A' } }),
    message: /spec\.queues\.orders\.queueType: Required/,
  },
  {
    what: 'a registry for a workload that has no pods of its own',
    object: mirrord('MirrordWorkloadQueueRegistry', { consumer: { name: 'x', workloadType: 'CronJob' }, queues: {} }),
    message: /spec\.consumer\.workloadType: Unsupported value: "CronJob"/,
  },
  {
    what: 'a registry with a misspelt field',
    object: mirrord('MirrordWorkloadQueueRegistry', {
      consumer: { name: 'x', workloadType: 'Deployment', containers: 'app' },
      queues: {},
    }),
    message: /unknown field "spec\.consumer\.containers"/,
  },
  {
    what: 'a topic without a group',
    object: consumer({}),
    message: /spec\.topics\[0\]\.groupIdSources: .*exactly one of groupIdSources and applicationIdSources/,
  },
  {
    what: 'a topic with group and application id',
    object: consumer({ groupIdSources: [source], applicationIdSources: [source] }),
    message: /spec\.topics\[0\]\.groupIdSources: .*exactly one/,
  },
  {
    what: 'a source without a variable',
    object: consumer({ groupIdSources: [{ directEnvVar: { container: 'app' } }] }),
    message: /spec\.topics\[0\]\.groupIdSources\[0\]\.directEnvVar\.variable: .*exactly one of variable/,
  },
  {
    what: 'a client property that is false',
    object: clientConfig({ properties: [{ name: 'enable.idempotence', value: false }] }),
    message: /spec\.properties\[0\]\.value: Invalid value: "boolean"/,
  },
  {
    what: 'a client property with a fraction',
    object: clientConfig({ properties: [{ name: 'a', value: 1.5 }] }),
    message: /spec\.properties\[0\]\.value: Invalid value: "number"/,
  },
  {
    what: 'a Secret without a namespace',
    object: clientConfig({ loadFromSecret: 'my-secret' }),
    message: /spec\.loadFromSecret: Invalid value: "my-secret"/,
  },
  {
    what: 'an unknown authentication',
    object: clientConfig({ authenticationExtra: { kind: 'KERBEROS', awsRegion: 'x' } }),
    message: /spec\.authenticationExtra\.kind: Unsupported value: "KERBEROS"/,
  },
  {
    what: 'a session id that is no hexadecimal number',
    object: sqsSession({ sessionId: 'alice' }),
    message: /spec\.sessionId: Invalid value: "alice"/,
  },
  {
    what: 'a session without queues',
    object: session('wrong', { queues: [] }),
    message: /spec\.queues: Invalid value: 0: spec\.queues in body should have at least 1 items/,
  },
  {
    what: 'a session that names a queue twice',
    object: session('wrong', { queues: [queue, queue] }),
    message: /spec\.queues\[1\]: Duplicate value/,
  },
  {
    what: 'a session for a pod',
    object: session('wrong', { target: { ...target, kind: 'Pod' } }),
    message: /spec\.target\.kind: Unsupported value: "Pod"/,
  },
  {
    what: 'a session with a pattern that is too long',
    object: session('wrong', { queues: [{ ...queue, filter: { tenant: 'a'.repeat(1025) } }] }),
    message: /spec\.queues\[0\]\.filter\.tenant: Too long/,
  },
  {
    what: 'a session with a misspelt field',
    object: session('wrong', { queues: [{ ...queue, filters: {} }] }),
    message: /unknown field "spec\.queues\[0\]\.filters"/,
  },
];
