/**
 * The shop's Kubernetes objects, as a customer would write them, and the resources that tell a splitter about them, in the format of
 * the mirrord guide. Nothing here may depend on how splitting works.
 */
export type ShopSettings = {
  readonly image: string;
  /** The path of worker.ts in the image. */
  readonly program: string;
  /** The environment of the AWS SDK: `SqsEmulator.environment`. */
  readonly sqs: Readonly<Record<string, string>>;
  /** Without it the shop reads SQS only. */
  readonly kafka?: { readonly brokers: string; readonly topic: string; readonly group: string };
  readonly historyUrl: string;
  readonly namespace?: string;
  readonly replicas?: number;
  readonly readinessDelayMs?: number;
  readonly shutdownDelayMs?: number;
  readonly processMs?: number;
};

export type KubernetesObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
} & Readonly<Record<string, unknown>>;

export const SHOP_NAMESPACE = 'shop';
export const ORDERS_WORKER = 'orders-worker';
export const INVOICES_WORKER = 'invoices-worker';
/** Names of the originals, in the brokers. */
export const ORDERS_QUEUE = 'orders';
export const INVOICES_QUEUE = 'invoices';
/** Queue ids for `feature.split_queues`. */
export const ORDERS_QUEUE_ID = 'orders-queue';
export const ORDERS_TOPIC_ID = 'orders-topic';
const CONTAINER = 'worker';
const HTTP_PORT = 8080;
const GROUP_VERSION = 'queues.mirrord.metalbear.co/v1alpha';

type Variable = { readonly name: string; readonly value: string };

function variables(values: Readonly<Record<string, string | number | undefined>>): Variable[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value: `${value}` }]));
}

function deployment(
  settings: ShopSettings,
  name: string,
  replicas: number,
  configMap: string,
  env: Variable[],
): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: settings.namespace ?? SHOP_NAMESPACE, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 30,
          securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: CONTAINER,
              image: settings.image,
              imagePullPolicy: 'IfNotPresent',
              command: ['node', settings.program],
              envFrom: [{ configMapRef: { name: configMap } }],
              env,
              ports: [{ name: 'http', containerPort: HTTP_PORT }],
              readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 1 },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  };
}

function configMap(settings: ShopSettings, name: string, data: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: settings.namespace ?? SHOP_NAMESPACE },
    data,
  };
}

function workerVariables(settings: ShopSettings, name: string): Readonly<Record<string, string | number | undefined>> {
  return {
    WORKER_NAME: name,
    HTTP_PORT,
    HISTORY_URL: settings.historyUrl,
    SQS_WAIT_SECONDS: 2,
    PROCESS_MS: settings.processMs,
    READINESS_DELAY_MS: settings.readinessDelayMs ?? 1_000,
    SHUTDOWN_DELAY_MS: settings.shutdownDelayMs ?? 2_000,
    NODE_NO_WARNINGS: '1',
    ...settings.sqs,
  };
}

function namespace(name: string): object {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** Namespace, configuration and the two workloads: what exists before anybody thinks of splitting. */
export function shopObjects(settings: ShopSettings): KubernetesObject[] {
  const { kafka, replicas = 3 } = settings;
  const orders = variables({
    ...workerVariables(settings, ORDERS_WORKER),
    KAFKA_BROKERS: kafka?.brokers,
    KAFKA_TOPIC: kafka?.topic,
    KAFKA_GROUP: kafka?.group,
  });
  return [
    namespace(settings.namespace ?? SHOP_NAMESPACE),
    configMap(settings, 'orders-config', { ORDERS_QUEUE }),
    configMap(settings, 'invoices-config', { INVOICES_QUEUE }),
    deployment(settings, ORDERS_WORKER, replicas, 'orders-config', orders),
    deployment(settings, INVOICES_WORKER, 1, 'invoices-config', variables(workerVariables(settings, INVOICES_WORKER))),
  ] as KubernetesObject[];
}

/** Another shop: a namespace, a workload and a queue of one name, and what tells a splitter about them. SQS only. */
export function branchObjects(settings: ShopSettings, name: string): KubernetesObject[] {
  const own = { ...settings, namespace: name };
  const env = variables(workerVariables(own, name));
  return [
    namespace(name),
    configMap(own, `${name}-config`, { ORDERS_QUEUE: name }),
    deployment(own, name, settings.replicas ?? 2, `${name}-config`, env),
    registry(`${name}-q-registry`, name, name),
  ] as KubernetesObject[];
}

/** The guide's MirrordWorkloadQueueRegistry for the orders-worker. */
export function queueRegistry(namespace = SHOP_NAMESPACE): KubernetesObject {
  return registry('orders-worker-q-registry', namespace, ORDERS_WORKER);
}

function registry(name: string, namespace: string, worker: string): KubernetesObject {
  return {
    apiVersion: GROUP_VERSION,
    kind: 'MirrordWorkloadQueueRegistry',
    metadata: { name, namespace },
    spec: {
      consumer: { name: worker, workloadType: 'Deployment', container: CONTAINER },
      queues: {
        [ORDERS_QUEUE_ID]: { queueType: 'SQS', nameSource: { envVar: 'ORDERS_QUEUE' }, tags: { tool: 'mirrord' } },
      },
    },
  };
}

/** The guide's MirrordKafkaClientConfig, which lives in the operator's namespace, and MirrordKafkaTopicsConsumer. */
export function kafkaResources(
  brokers: string,
  operatorNamespace: string,
  namespace = SHOP_NAMESPACE,
): KubernetesObject[] {
  return [
    {
      apiVersion: GROUP_VERSION,
      kind: 'MirrordKafkaClientConfig',
      metadata: { name: 'base-config', namespace: operatorNamespace },
      spec: {
        properties: [
          { name: 'bootstrap.servers', value: brokers },
          { name: 'client.id', value: 'mirrord-operator' },
        ],
      },
    },
    {
      apiVersion: GROUP_VERSION,
      kind: 'MirrordKafkaTopicsConsumer',
      metadata: { name: 'orders-worker-topics-consumer', namespace },
      spec: {
        consumerApiVersion: 'apps/v1',
        consumerKind: 'Deployment',
        consumerName: ORDERS_WORKER,
        topics: [
          {
            id: ORDERS_TOPIC_ID,
            clientConfig: 'base-config',
            groupIdSources: [{ directEnvVar: { container: CONTAINER, variable: 'KAFKA_GROUP' } }],
            nameSources: [{ directEnvVar: { container: CONTAINER, variable: 'KAFKA_TOPIC' } }],
          },
        ],
      },
    },
  ];
}
