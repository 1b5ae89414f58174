// Kafka client properties from MirrordKafkaClientConfigs of the operator's namespace. Their Secrets are read only there, and never shown.
import type { BrokerConnection } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../errors.ts';
import { referencedSecrets, resolveKafkaProperties } from '../kafka-properties.ts';
import { KAFKA_CLIENT_CONFIGS, SECRETS } from '../kube/resources.ts';
import type { KubeClient, KubeObject } from '../kube/types.ts';
import type { ResolveProperties } from './clusters.ts';

type ClientConfig = KubeObject & { spec: unknown };
type Secret = KubeObject & { data?: Record<string, string> };

/** Rejects with `InvalidConfig`, `CredentialsMissing` or what the API server refused. */
export function createPropertiesResolver(client: KubeClient, namespace: string): ResolveProperties {
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
    return properties;
  };
}

/** `reference`: `<namespace>/<name>`. */
async function readSecret(
  client: KubeClient,
  own: string,
  reference: string,
): Promise<Record<string, string> | undefined> {
  const [namespace = '', name = ''] = reference.split('/');
  if (namespace !== own) {
    throw new SplitterError(
      'PermissionDenied',
      `Secret ${reference} is not in the operator's namespace ${own}; only Secrets there are read. Copy it, or correct loadFromSecret`,
    );
  }
  return (await client.get<Secret>(SECRETS, { name, namespace }))?.data ?? undefined;
}
