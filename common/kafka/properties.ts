// MirrordKafkaClientConfig → one property map, by mirrord's precedence. Pure: configs and Secrets are given. Values are secrets as often as
// not, so no message and no error ever contains one.
import { describeIssues } from '../../api/kinds/issues.ts';
import { type KafkaClientConfigSpec, kafkaClientConfigSpec } from '../../api/kinds/kafka-client-config.ts';
import { SplitterError } from '../errors.ts';

export type ResolvedClientConfig = {
  /** librdkafka's names → values. */
  properties: ReadonlyMap<string, string>;
  /** The nearest one of the chain. */
  authenticationExtra?: { kind: 'MSK_IAM'; awsRegion: string };
};

/** `namespace/name` of a Secret → its `data`, base64 as the API has it. */
export type Secrets = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** Name → spec of the configs in the operator's namespace, as the API has them. */
export type ClientConfigs = ReadonlyMap<string, unknown>;

/** Far deeper than anybody can follow; it also bounds what one session makes us read. */
const MAX_CHAIN = 16;

type Link = { name: string; spec: KafkaClientConfigSpec };

/** The config and its ancestors, nearest first. */
function chain(name: string, configs: ClientConfigs): Link[] {
  const links: Link[] = [];
  for (let next: string | null | undefined = name; next; ) {
    if (links.some((link) => link.name === next) || links.length >= MAX_CHAIN) {
      const names = [...links.map((link) => link.name), next].join(' → ');
      throw new SplitterError(
        'InvalidConfig',
        `The parents of MirrordKafkaClientConfig ${name} form a circle or are too many: ${names}. Correct spec.parent.`,
      );
    }
    const spec = readSpec(next, configs, links.at(-1)?.name);
    links.push({ name: next, spec });
    next = spec.parent;
  }
  return links;
}

function readSpec(name: string, configs: ClientConfigs, child: string | undefined): KafkaClientConfigSpec {
  if (!configs.has(name)) {
    const asked = child === undefined ? '' : ` (the parent of ${child})`;
    throw new SplitterError(
      'InvalidConfig',
      `There is no MirrordKafkaClientConfig ${name}${asked} in the operator's namespace. Create it there, or correct the name.`,
    );
  }
  const parsed = kafkaClientConfigSpec.safeParse(configs.get(name));
  if (parsed.success) return parsed.data;
  throw new SplitterError(
    'InvalidConfig',
    `MirrordKafkaClientConfig ${name}: ${describeIssues(parsed.error, ['spec'])}`,
  );
}

/** The Secrets (`namespace/name`) that `resolveKafkaProperties` needs. @throws SplitterError `InvalidConfig` */
export function referencedSecrets(name: string, configs: ClientConfigs): string[] {
  return [...new Set(chain(name, configs).flatMap(({ spec }) => spec.loadFromSecret ?? []))];
}

/**
 * Low to high: the parent's Secret, the parent's properties, the child's Secret, the child's properties. A property without a value
 * removes the inherited one. What the authentication needs wins over all.
 * @throws SplitterError `InvalidConfig` (missing or broken config, circle), `CredentialsMissing` (Secret).
 */
export function resolveKafkaProperties(name: string, configs: ClientConfigs, secrets: Secrets): ResolvedClientConfig {
  const links = chain(name, configs);
  const properties = new Map<string, string>();
  for (const link of links.toReversed()) {
    for (const [key, value] of secretProperties(link, secrets)) properties.set(key, value);
    for (const { name: key, value } of link.spec.properties) {
      if (value === null || value === undefined) properties.delete(key);
      else properties.set(key, String(value));
    }
  }
  const authenticationExtra = links.find(({ spec }) => spec.authenticationExtra)?.spec.authenticationExtra;
  if (!authenticationExtra) return { properties };
  properties.set('sasl.mechanism', 'OAUTHBEARER').set('security.protocol', 'SASL_SSL');
  return { properties, authenticationExtra };
}

function secretProperties({ name, spec }: Link, secrets: Secrets): [string, string][] {
  if (!spec.loadFromSecret) return [];
  const data = secrets.get(spec.loadFromSecret);
  if (data === undefined) {
    throw new SplitterError(
      'CredentialsMissing',
      `MirrordKafkaClientConfig ${name} loads the Secret ${spec.loadFromSecret}, which does not exist. Create it in the operator's namespace and name it in the chart value operator.kafkaSecrets, or correct loadFromSecret.`,
    );
  }
  return Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]);
}

/** What `connection-options.ts` acts on; a test compares the two. */
const USED = new Set([
  'bootstrap.servers',
  'metadata.broker.list',
  'client.id',
  'security.protocol',
  'auto.offset.reset',
  'socket.connection.setup.timeout.ms',
  'ssl.ca.pem',
  'ssl.ca.location',
  'ssl.certificate.pem',
  'ssl.certificate.location',
  'ssl.key.pem',
  'ssl.key.location',
  'ssl.key.password',
  'enable.ssl.certificate.verification',
  'ssl.endpoint.identification.algorithm',
  'sasl.mechanism',
  'sasl.mechanisms',
  'sasl.username',
  'sasl.password',
]);

/** What is ours to decide in a split. */
const OVERRIDDEN = new Set([
  'group.id',
  'application.id',
  'group.instance.id',
  'group.protocol',
  'enable.auto.commit',
  'auto.commit.interval.ms',
  'isolation.level',
  'acks',
  'request.required.acks',
  'enable.idempotence',
  'transactional.id',
  'partition.assignment.strategy',
  'allow.auto.create.topics',
  'session.timeout.ms',
  'heartbeat.interval.ms',
  'max.poll.interval.ms',
]);

/** A sentence for each property that has no effect, so that nothing is dropped in silence. Values are not shown. */
export function describeUnknownProperties(properties: ReadonlyMap<string, string>): string[] {
  return [...properties.keys()].filter((name) => !USED.has(name)).map(describeProperty);
}

function describeProperty(name: string): string {
  if (OVERRIDDEN.has(name)) return `${name} has no effect: queue-splitter decides it itself.`;
  if (/^ssl\.(keystore|truststore)\./.test(name)) {
    return `${name} has no effect: key stores are not read. Put PEM text into ssl.ca.pem, ssl.certificate.pem and ssl.key.pem.`;
  }
  return `${name} is not known here and has no effect.`;
}
