// Turns the property map that users already have (librdkafka's names) into what our Kafka connections need.
// A security property that we cannot honour is refused by name, never ignored; for the others see properties.ts.
import { readFileSync } from 'node:fs';
import type { ConnectionOptions, SASLMechanismValue } from '@platformatic/kafka';
import { SplitterError } from '../errors.ts';

/** librdkafka's names → values. */
export type KafkaProperties = ReadonlyMap<string, string>;

export type BrokerAddress = { host: string; port: number };

export type OffsetReset = 'earliest' | 'latest' | 'none';

export type KafkaClientOptions = {
  bootstrap: BrokerAddress[];
  clientId: string;
  /** For `Connection` of @platformatic/kafka. */
  connection: ConnectionOptions;
  /** Where the application begins when its group never committed; librdkafka's and Kafka's default is `latest`. */
  offsetReset: OffsetReset;
};

const DEFAULT_PORT = 9092;
/** Shorter than a transaction may take (15 s): after a broker that hangs a producer can still end its own. */
const REQUEST_TIMEOUT_MS = 12_000;
const PROTOCOLS = ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'];
const MECHANISMS: readonly SASLMechanismValue[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const RESETS: Readonly<Record<string, OffsetReset>> = {
  earliest: 'earliest',
  smallest: 'earliest',
  beginning: 'earliest',
  latest: 'latest',
  largest: 'latest',
  end: 'latest',
  none: 'none',
  error: 'none',
};

/**
 * @param readText reads the file behind an `ssl.*.location`.
 * @throws SplitterError `InvalidConfig` naming the property.
 */
export function kafkaClientOptions(
  properties: KafkaProperties,
  readText: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): KafkaClientOptions {
  const source = new Source(properties, readText);
  const protocol = (source.take('security.protocol') ?? 'plaintext').toLowerCase();
  if (!PROTOCOLS.includes(protocol)) throw invalid('security.protocol', `is ${protocol}; use ${PROTOCOLS.join(', ')}`);
  const connection: ConnectionOptions = { requestTimeout: REQUEST_TIMEOUT_MS };
  const connectTimeout = source.milliseconds('socket.connection.setup.timeout.ms');
  if (connectTimeout !== undefined) connection.connectTimeout = connectTimeout;
  const tls = tlsOptions(source);
  if (protocol.endsWith('ssl')) connection.tls = tls;
  if (protocol.startsWith('sasl')) connection.sasl = saslOptions(source);
  const offsetReset = RESETS[source.take('auto.offset.reset') ?? 'latest'];
  if (offsetReset === undefined) throw invalid('auto.offset.reset', 'must be earliest, latest or none');
  const options = {
    bootstrap: bootstrapAddresses(source),
    clientId: source.take('client.id') ?? 'queue-splitter',
    connection,
    offsetReset,
  };
  const used = [
    ...(connection.tls === undefined ? [] : TLS_PREFIXES),
    ...(connection.sasl === undefined ? [] : ['sasl.']),
  ];
  const unsupported = source.rest().filter((name) => used.some((prefix) => name.startsWith(prefix)));
  if (unsupported.length > 0) {
    throw invalid(unsupported.join(', '), 'is not supported; remove it and use ssl.*.pem, PLAIN or SCRAM');
  }
  return options;
}

/** What decides whom we trust when TLS is used; `sasl.` decides who we are. */
const TLS_PREFIXES = ['ssl.', 'enable.ssl.'];

/** The properties, and which of them nobody asked for. */
class Source {
  readonly #properties: KafkaProperties;
  readonly #readText: (path: string) => string;
  readonly #taken = new Set<string>();

  constructor(properties: KafkaProperties, readText: (path: string) => string) {
    this.#properties = properties;
    this.#readText = readText;
  }

  take(...names: string[]): string | undefined {
    for (const name of names) this.#taken.add(name);
    return names.map((name) => this.#properties.get(name)).find((value) => value !== undefined && value !== '');
  }

  milliseconds(name: string): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (!Number.isInteger(number) || number <= 0) throw invalid(name, `is ${value}; it must be a positive number`);
    return number;
  }

  pem(name: string): string | undefined {
    const text = this.take(`${name}.pem`);
    const path = this.take(`${name}.location`);
    if (text !== undefined || path === undefined) return text;
    try {
      return this.#readText(path);
    } catch (error) {
      throw invalid(`${name}.location`, `names ${path}, which cannot be read here: ${String(error)}`);
    }
  }

  rest(): string[] {
    return [...this.#properties.keys()].filter((name) => !this.#taken.has(name)).sort();
  }
}

function invalid(property: string, problem: string): SplitterError {
  return new SplitterError('InvalidConfig', `Kafka property ${property} ${problem}`, { details: { property } });
}

function bootstrapAddresses(source: Source): BrokerAddress[] {
  const list = source.take('bootstrap.servers', 'metadata.broker.list') ?? '';
  const addresses = list
    .split(',')
    .map((entry) => entry.trim().replace(/^[a-zA-Z_]+:\/\//, ''))
    .filter((entry) => entry !== '')
    .map(parseAddress);
  if (addresses.length === 0) throw invalid('bootstrap.servers', 'is missing; set it to host:port[,host:port…]');
  return addresses;
}

function parseAddress(entry: string): BrokerAddress {
  const match = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry);
  const host = match?.[1] ?? '';
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  if (host === '' || port < 1 || port > 65535) throw invalid('bootstrap.servers', `holds ${entry}; write host:port`);
  return { host, port };
}

function tlsOptions(source: Source): NonNullable<ConnectionOptions['tls']> {
  const tls: NonNullable<ConnectionOptions['tls']> = {};
  const ca = source.pem('ssl.ca');
  const cert = source.pem('ssl.certificate');
  const key = source.pem('ssl.key');
  const passphrase = source.take('ssl.key.password');
  if (ca !== undefined) tls.ca = ca;
  if (cert !== undefined) tls.cert = cert;
  if (key !== undefined) tls.key = key;
  if (passphrase !== undefined) tls.passphrase = passphrase;
  if (source.take('enable.ssl.certificate.verification') === 'false') tls.rejectUnauthorized = false;
  const identification = source.take('ssl.endpoint.identification.algorithm');
  if (identification?.toLowerCase() === 'none') tls.checkServerIdentity = () => undefined;
  return tls;
}

function saslOptions(source: Source): NonNullable<ConnectionOptions['sasl']> {
  const mechanism = (source.take('sasl.mechanism', 'sasl.mechanisms') ?? 'PLAIN').toUpperCase();
  const known = MECHANISMS.find((name) => name === mechanism);
  if (known === undefined) throw invalid('sasl.mechanism', `is ${mechanism}; supported are ${MECHANISMS.join(', ')}`);
  const username = source.take('sasl.username');
  const password = source.take('sasl.password');
  if (username === undefined || password === undefined) {
    throw invalid('sasl.username', 'and sasl.password are needed by this security.protocol; set both');
  }
  return { mechanism: known, username, password };
}
