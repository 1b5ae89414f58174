// Kafka client properties from MirrordKafkaClientConfigs of the operator's namespace. Their Secrets are read only there, and never shown;
// what has no effect is named in the log.
import type { BrokerConnection } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../errors.ts';
import { KAFKA_CLIENT_CONFIGS, SECRETS } from '../kube/resources.ts';
import type { KubeClient, KubeObject } from '../kube/types.ts';
import type { Log } from '../log.ts';
import type { ResolveProperties } from './clusters.ts';
import { describeUnknownProperties, referencedSecrets, resolveKafkaProperties } from './properties.ts';

type ClientConfig = KubeObject & { spec: unknown };
type Secret = KubeObject & { data?: Record<string, string> };

type Reader = Pick<KubeClient, 'get' | 'list'>;

/** Rejects with `InvalidConfig`, `CredentialsMissing` or what the API server refused. */
export function createPropertiesResolver(client: Reader, namespace: string, log: Log): ResolveProperties {
  /** Properties are resolved again and again; what is to be said of them, once. */
  const told = new Set<string>();
  return async ({ clientConfig }: BrokerConnection) => {
    if (clientConfig === undefined) {
      throw new SplitterError(
        'InvalidConfig',
        'A Kafka queue names no clientConfig; set it in the MirrordKafkaTopicsConsumer',
      );
    }
    const { items } = await client.list<ClientConfig>(KAFKA_CLIENT_CONFIGS, { namespace });
    const configs = new Map(items.map(({ metadata, spec }) => [metadata.name, spec]));
    const secrets = new Map<string, Record<string, string>>();
    for (const reference of referencedSecrets(clientConfig, configs)) {
      const data = await readSecret(client, namespace, reference);
      if (data) secrets.set(reference, data);
    }
    const { properties, authenticationExtra } = resolveKafkaProperties(clientConfig, configs, secrets);
    if (authenticationExtra) {
      throw new SplitterError(
        'UnsupportedQueueKind',
        `MirrordKafkaClientConfig ${clientConfig} asks for authenticationExtra ${authenticationExtra.kind}, which is not supported yet; use SASL/SCRAM or TLS properties`,
      );
    }
    for (const sentence of describeUnknownProperties(properties)) {
      const line = `MirrordKafkaClientConfig ${clientConfig}: ${sentence}`;
      if (!told.has(line)) log.info({ clientConfig }, line);
      told.add(line);
    }
    return properties;
  };
}

/** `reference`: `<namespace>/<name>`. */
async function readSecret(client: Reader, own: string, reference: string): Promise<Record<string, string> | undefined> {
  const [namespace = '', name = ''] = reference.split('/');
  if (namespace !== own) {
    throw new SplitterError(
      'PermissionDenied',
      `Secret ${reference} is not in the operator's namespace ${own}; only Secrets there are read. Copy it, or correct loadFromSecret`,
    );
  }
  try {
    return (await client.get<Secret>(SECRETS, { name, namespace }))?.data ?? undefined;
  } catch (error) {
    if (!(error instanceof SplitterError) || error.code !== 'PermissionDenied') throw error;
    throw new SplitterError(
      'PermissionDenied',
      `Secret ${reference} may not be read. Name it in the chart value operator.kafkaSecrets (helm upgrade), which grants that`,
      { cause: error, details: error.details },
    );
  }
}
