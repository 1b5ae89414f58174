// The Kafka clusters that a process talks to, one client per client config. Who resolves the config's properties is passed in.
import type { BrokerConnection } from '../../api/kinds/workload-split.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type KafkaProperties, kafkaClientOptions } from './connection-options.ts';
import { Cluster } from './wire/cluster.ts';

/** Properties of the MirrordKafkaClientConfig that `connection.clientConfig` names. */
export type ResolveProperties = (connection: BrokerConnection) => Promise<KafkaProperties>;

export class Clusters {
  readonly #resolve: ResolveProperties;
  readonly #clock: Clock;
  readonly #clusters = new Map<string, { fingerprint: string; cluster: Cluster }>();

  constructor(resolve: ResolveProperties, clock: Clock = systemClock) {
    this.#resolve = resolve;
    this.#clock = clock;
  }

  /** Resolves the properties anew each time: rotated credentials take effect with the next call. */
  async get(connection: BrokerConnection): Promise<Cluster> {
    const properties = await this.#resolve(connection);
    const fingerprint = JSON.stringify([...properties].sort());
    const key = connection.clientConfig ?? '';
    const known = this.#clusters.get(key);
    if (known?.fingerprint === fingerprint) return known.cluster;
    const cluster = new Cluster(kafkaClientOptions(properties), this.#clock);
    this.#clusters.set(key, { fingerprint, cluster });
    await known?.cluster.close();
    return cluster;
  }

  async close(): Promise<void> {
    const open = [...this.#clusters.values()];
    this.#clusters.clear();
    await Promise.all(open.map(({ cluster }) => cluster.close()));
  }
}
