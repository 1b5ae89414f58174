// From what a session asks for to the queues it means: registries → variables of the pod template → originals at the broker. Reads only.

import type { QueueKind } from '../../api/kinds/common.ts';
import type { KafkaTopicsConsumer } from '../../api/kinds/kafka-topics-consumer.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { WorkloadQueueRegistry } from '../../api/kinds/workload-queue-registry.ts';
import type { BrokerConnection, QueueVariable } from '../../api/kinds/workload-split.ts';
import type { ConfigMap, ConfigMaps, PodSpec } from '../../common/env/pod-spec.ts';
import { referencedConfigMaps, resolveEnvironment } from '../../common/env/resolve.ts';
import { type FoundVariable, findVariables, type NameSource, selectContainers } from '../../common/env/sources.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import { compileFilter } from '../../common/filter/filter.ts';
import { CONFIG_MAPS, KAFKA_TOPICS_CONSUMERS, QUEUE_REGISTRIES } from '../../common/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../common/kube/types.ts';
import { parseQueueReference } from '../../common/naming/sqs-reference.ts';
import type { BrokerAdmin } from '../brokers/broker.ts';
import { declarationsFor } from '../compat/declarations.ts';
import { type SelectedQueue, selectQueues } from '../compat/select.ts';
import type { Resolution, ResolvedQueue } from '../decide/observed.ts';
import type { Deployment } from './workload.ts';

/** Rejects with the SplitterError that the session shall fail with. */
export type Resolver = (session: SplitSession, workload: Deployment | undefined) => Promise<Resolution>;

export type ResolverOptions = {
  client: KubeClient;
  brokers: Record<QueueKind, BrokerAdmin>;
  /** Which kinds of resources are installed: a chart without Kafka has no topics consumers to list. */
  kinds: ReadonlySet<QueueKind>;
  /** Where a declaration names none. */
  defaultTtlSeconds: Record<QueueKind, number>;
};

export function createResolver({ client, brokers, kinds, defaultTtlSeconds }: ResolverOptions): Resolver {
  return async (session, workload) => {
    const { target } = session.spec;
    const namespace = session.metadata.namespace ?? '';
    if (target.kind !== 'Deployment') {
      throw new SplitterError(
        'TargetUnsupported',
        `${target.kind} ${target.name} cannot be split yet; only Deployments can`,
      );
    }
    if (!workload) {
      throw new SplitterError(
        'TargetNotFound',
        `${target.kind} ${target.name} does not exist in namespace ${namespace}; check target and namespace`,
      );
    }
    const [registries, topicsConsumers] = await Promise.all([
      kinds.has('SQS') ? listAll<WorkloadQueueRegistry & KubeObject>(client, QUEUE_REGISTRIES, namespace) : [],
      kinds.has('Kafka') ? listAll<KafkaTopicsConsumer & KubeObject>(client, KAFKA_TOPICS_CONSUMERS, namespace) : [],
    ]);
    const declared = declarationsFor(target, { registries, topicsConsumers });
    const selected = selectQueues(session.spec.queues, declared, target.container);
    for (const { declaration, filter } of selected) compileFilter(declaration.kind, filter, declaration.id);
    const template = workload.spec.template.spec as PodSpec;
    const configMaps = await readConfigMaps(client, namespace, template);
    const queues = await Promise.all(
      selected.map((queue) => resolveQueue(queue, template, configMaps, brokers[queue.declaration.kind])),
    );
    return {
      queues: readIn(target.container, queues.flat(), session),
      restartTimeoutSeconds: Math.max(...selected.map(({ declaration }) => declaration.restartTimeoutSeconds)),
      ttlSeconds: Math.max(
        ...selected.map(({ declaration }) => declaration.ttlSeconds ?? defaultTtlSeconds[declaration.kind]),
      ),
    };
  };
}

/** A process that stands for one container has that container's variables only: with none that names the queue it would read the original. */
function readIn(
  container: string | undefined,
  queues: readonly ResolvedQueue[],
  { spec }: SplitSession,
): ResolvedQueue[] {
  if (container === undefined) return [...queues];
  const isRead = ({ variables }: ResolvedQueue): boolean => variables.some((entry) => entry.container === container);
  const missing = queues.find((queue) => !isRead(queue) && spec.queues.some(({ id }) => id === queue.id));
  const read = queues.filter(isRead);
  if (missing === undefined && read.length > 0) return read;
  const id = missing?.id ?? '*';
  throw new SplitterError(
    'VariableMissing',
    `Container ${container} has no variable for queue id ${id}; they are in ${placesOf(queues)}. Correct the container of the session's target, or leave it out.`,
  );
}

function placesOf(queues: readonly ResolvedQueue[]): string {
  const places = queues.flatMap(({ variables }) =>
    variables.map(({ container, variable }) => `container ${container} (${variable})`),
  );
  return [...new Set(places)].join(', ');
}

async function listAll<T extends KubeObject>(
  client: KubeClient,
  resource: Parameters<KubeClient['list']>[0],
  namespace: string,
): Promise<T[]> {
  return (await client.list<T>(resource, { namespace })).items;
}

async function readConfigMaps(client: KubeClient, namespace: string, template: PodSpec): Promise<ConfigMaps> {
  const names = referencedConfigMaps(template);
  const found = await Promise.all(
    names.map((name) => client.get<ConfigMap & KubeObject>(CONFIG_MAPS, { name, namespace })),
  );
  return new Map(names.flatMap((name, index) => (found[index] ? [[name, found[index]]] : [])));
}

/** One id may stand for several queues: several variables, or several names in one. Each becomes a queue of its own. */
async function resolveQueue(
  { declaration, filter }: SelectedQueue,
  template: PodSpec,
  configMaps: ConfigMaps,
  broker: BrokerAdmin,
): Promise<ResolvedQueue[]> {
  const { id, kind } = declaration;
  const found = variablesOf(declaration.nameSources, template, configMaps, id);
  const groups = variablesOf(declaration.groupIdSources, template, configMaps, id);
  const group = onlyGroup(groups, id);
  const values = [...new Set(found.flatMap((variable) => variable.names))];
  const originals = await Promise.all(
    values.map(async (value) => {
      try {
        const connection = connectionOf(kind, value, declaration.clientConfig);
        return { value, connection, original: await broker.describeOriginal(value, connection, group) };
      } catch (error) {
        throw located(error, value, found, id);
      }
    }),
  );
  const byIdentity = Map.groupBy(originals, ({ original }) => original.identity);
  return [...byIdentity.values()].flatMap((same) => {
    const [first] = same;
    if (!first) return [];
    const { original, connection } = first;
    const names = new Set(same.map(({ value }) => value));
    return {
      key: byIdentity.size === 1 ? id : `${id}::${original.location.name}`,
      id,
      kind,
      filter,
      original: original.location,
      identity: original.identity,
      connection,
      ...(original.isSubscribed === undefined ? {} : { isSubscribed: original.isSubscribed }),
      variables: found.filter((variable) => variable.names.some((name) => names.has(name))).map(toQueueVariable),
      groupVariables: groups.map(toQueueVariable),
      tags: { ...declaration.tags },
    };
  });
}

/** Says where the name was found that the broker, or we, can do nothing with. */
function located(thrown: unknown, value: string, found: readonly FoundVariable[], id: string): SplitterError {
  const { code, message, retryable, details } = toSplitterError(thrown);
  const places = found
    .filter((variable) => variable.names.includes(value))
    .map(({ container, variable, origin }) => `variable ${variable} of container ${container} (${origin})`);
  const where = `queue id ${id}, ${places.join(', ')}, value ${JSON.stringify(value)}`;
  return new SplitterError(code, `${where}: ${message}`, { cause: thrown, retryable, details });
}

function variablesOf(
  sources: readonly NameSource[],
  template: PodSpec,
  configMaps: ConfigMaps,
  id: string,
): FoundVariable[] {
  return sources.flatMap((source) => {
    const containers = selectContainers(template, source.container);
    return findVariables(
      containers.map((container) => resolveEnvironment(container, configMaps)),
      source,
      id,
    );
  });
}

function onlyGroup(groups: readonly FoundVariable[], id: string): string | undefined {
  const values = [...new Set(groups.flatMap((variable) => variable.names))];
  if (values.length > 1) {
    throw new SplitterError(
      'InvalidConfig',
      `The groupIdSources of queue id ${id} name several groups (${values.join(', ')}); one topic is split for one group`,
    );
  }
  return values[0];
}

function connectionOf(kind: QueueKind, value: string, clientConfig: string | undefined): BrokerConnection {
  if (kind === 'Kafka') return clientConfig === undefined ? {} : { clientConfig };
  const { region } = parseQueueReference(value);
  return region === undefined ? {} : { region };
}

function toQueueVariable({ container, variable, value, origin, jsonMap }: FoundVariable): QueueVariable {
  return { container, variable, format: jsonMap ? 'JsonMap' : 'Plain', original: value, origin };
}
