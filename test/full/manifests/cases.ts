// Deployments as people write them, each with something odd about it, and what their containers must find in their environment. `q(name)` is
// the queue that stands for an original: itself before and after a split, its fallback queue while it lasts.

export type Case = {
  /** Of the Deployment and, unless `queues` says otherwise, of its only queue. */
  name: string;
  what: string;
  /** Queue ids → registry entries. Default: one queue `orders` in the variable Q. */
  queues?: Readonly<Record<string, object>>;
  /** Names of originals. */
  originals?: readonly string[];
  containers?: readonly object[];
  initContainers?: readonly object[];
  /** Put over the Deployment's spec. */
  spec?: Readonly<Record<string, unknown>>;
  labels?: Readonly<Record<string, string>>;
  /** Other objects in the namespace. */
  objects?: readonly object[];
  /** Container → variable → value. */
  expected: (q: (original: string) => string) => Readonly<Record<string, Readonly<Record<string, string>>>>;
};

const sqs = (nameSource: object, more: object = {}) => ({ queueType: 'SQS', nameSource, ...more });
const value = (name: string, text: string) => ({ name, value: text });
const app = (...env: object[]) => [{ name: 'app', env }];
const configMap = (name: string, data: Readonly<Record<string, string>>, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
  ...more,
});

const LONG = `${'very-long-name.'.repeat(16)}of-253-letters`.slice(0, 253).padEnd(253, 'x');

export const CASES: readonly Case[] = [
  {
    name: 'several',
    what: 'several containers and a sidecar that starts before them, a registry that names none of them',
    containers: [
      { name: 'app', env: [value('Q', 'several')] },
      { name: 'helper', env: [value('OTHER', '1'), value('Q', 'several')] },
      { name: 'stranger' },
    ],
    initContainers: [{ name: 'sidecar', restartPolicy: 'Always', env: [value('Q', 'several')] }],
    expected: (q) => ({
      app: { Q: q('several') },
      helper: { Q: q('several'), OTHER: '1' },
      sidecar: { Q: q('several') },
    }),
  },
  {
    name: 'prefixed',
    what: 'a ConfigMap loaded whole, with a prefix, and overruled by nobody',
    queues: { orders: sqs({ envVar: 'APP_QUEUE' }) },
    containers: [
      {
        name: 'app',
        envFrom: [{ prefix: 'APP_', configMapRef: { name: 'prefixed' } }],
        env: [value('COPY', '$(APP_QUEUE)')],
      },
    ],
    objects: [configMap('prefixed', { QUEUE: 'prefixed', other: 'x' })],
    expected: (q) => ({ app: { APP_QUEUE: q('prefixed'), APP_other: 'x', COPY: q('prefixed') } }),
  },
  {
    name: 'optional',
    what: 'an optional reference that leads nowhere, after a plain value of the same name',
    containers: app(value('Q', 'optional'), {
      name: 'Q',
      valueFrom: { configMapKeyRef: { name: 'not-there', key: 'q', optional: true } },
    }),
    expected: (q) => ({ app: { Q: q('optional') } }),
  },
  {
    name: 'expanded',
    what: 'references, escaped ones, and references to the variable itself',
    containers: app(
      value('PREFIX', 'exp'),
      value('Q', '$(PREFIX)anded'),
      value('COPY', 'x$(Q)'),
      value('DOLLARS', '$$(Q) $$5 $(NOT_SET)'),
    ),
    expected: (q) => ({ app: { Q: q('expanded'), COPY: `x${q('expanded')}`, DOLLARS: '$(Q) $5 $(NOT_SET)' } }),
  },
  {
    name: 'between',
    what: 'the downward API before and behind',
    containers: app(
      { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      value('Q', 'between'),
      { name: 'NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    ),
    expected: (q) => ({ app: { LABEL: 'between', Q: q('between'), NAMESPACE: 'odd' } }),
  },
  {
    name: 'twice',
    what: 'a variable that is there twice',
    containers: app(value('Q', 'no-queue'), value('BEFORE', '$(Q)'), value('Q', 'twice')),
    expected: (q) => ({ app: { BEFORE: 'no-queue', Q: q('twice') } }),
  },
  {
    name: 'dotted.name.v1',
    what: 'dots in the name, and an autoscaler',
    originals: ['dotted'],
    containers: app(value('Q', 'dotted')),
    objects: [
      {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'dotted' },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'dotted.name.v1' },
          minReplicas: 1,
          maxReplicas: 3,
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
          ],
        },
      },
    ],
    expected: (q) => ({ app: { Q: q('dotted') } }),
  },
  {
    name: LONG,
    what: 'a name of 253 letters',
    originals: ['long'],
    labels: { app: 'long' },
    containers: app(value('Q', 'long')),
    expected: (q) => ({ app: { Q: q('long') } }),
  },
  {
    name: 'recreate',
    what: 'the strategy Recreate, and a disruption budget that allows nothing',
    spec: { replicas: 2, strategy: { type: 'Recreate' } },
    containers: app(value('Q', 'recreate')),
    objects: [
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'recreate' },
        spec: { maxUnavailable: 0, selector: { matchLabels: { app: 'recreate' } } },
      },
    ],
    expected: (q) => ({ app: { Q: q('recreate') } }),
  },
  {
    name: 'frozen',
    what: 'an immutable ConfigMap with a hash in its name, as kustomize makes it',
    containers: app({ name: 'Q', valueFrom: { configMapKeyRef: { name: 'frozen-5h2k9d7m4t', key: 'queue.name' } } }),
    objects: [configMap('frozen-5h2k9d7m4t', { 'queue.name': 'frozen' }, { immutable: true })],
    expected: (q) => ({ app: { Q: q('frozen') } }),
  },
  {
    name: 'json',
    what: 'a JSON map of two queues',
    originals: ['json-a', 'json-b'],
    queues: { orders: sqs({ envVar: 'QUEUES' }, { namesFromJsonMap: true }) },
    containers: app(value('QUEUES', '{ "a": "json-a",\n  "b":"json-b" }')),
    expected: (q) => ({ app: { QUEUES: `{ "a": "${q('json-a')}",\n  "b":"${q('json-b')}" }` } }),
  },
  {
    name: 'pattern',
    what: 'several variables by a pattern, beside queues of other brokers',
    originals: ['pattern-a', 'pattern-b'],
    queues: {
      orders: sqs({ regexPattern: '^EVENT_QUEUE_.+$' }, { tags: { owner: 'platform' } }),
      invoices: { queueType: 'RMQ', nameSource: { envVar: 'INVOICES' }, clusterProperties: 'rmq' },
    },
    containers: app(value('EVENT_QUEUE_A', 'pattern-a'), value('EVENT_QUEUE_B', 'pattern-b'), value('INVOICES', 'i')),
    expected: (q) => ({ app: { EVENT_QUEUE_A: q('pattern-a'), EVENT_QUEUE_B: q('pattern-b'), INVOICES: 'i' } }),
  },
  {
    name: 'expressions',
    what: 'a selector of expressions',
    labels: { app: 'expressions', tier: 'back' },
    spec: {
      selector: {
        matchExpressions: [
          { key: 'app', operator: 'In', values: ['expressions', 'others'] },
          { key: 'tier', operator: 'Exists' },
          { key: 'canary', operator: 'DoesNotExist' },
        ],
      },
    },
    containers: app(value('Q', 'expressions')),
    expected: (q) => ({ app: { Q: q('expressions') } }),
  },
  {
    name: 'defaulted',
    what: 'a variable that only the registry knows',
    queues: { orders: sqs({ envVar: 'Q' }, { fallbackName: 'defaulted' }) },
    containers: app(value('OTHER', 'x')),
    expected: (q) => ({ app: { OTHER: 'x', ...(q('defaulted') === 'defaulted' ? {} : { Q: q('defaulted') }) } }),
  },
  {
    name: 'shared',
    what: 'the same labels and selector as another Deployment',
    containers: app(value('Q', 'shared')),
    expected: (q) => ({ app: { Q: q('shared') } }),
  },
];
