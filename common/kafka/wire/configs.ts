// Settings as brokers have them, for a topic or for the broker itself. Reads only.
import { ConfigResourceTypes, type Connection, describeConfigsV4 } from '@platformatic/kafka';
import { toSplitterError } from '../../errors.ts';
import { call } from './call.ts';
import type { Cluster } from './cluster.ts';
import { throwIfError } from './errors.ts';

/** Every setting that is in force for the topic, wherever it was made. */
export async function topicConfigs(cluster: Cluster, topic: string): Promise<Map<string, string>> {
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null };
  return describe(await cluster.anyBroker(), resource, `settings of topic ${topic}`);
}

/**
 * How long offsets are kept that nobody commits again (`offsets.retention.minutes`), as one of the brokers has it; undefined when we may
 * not ask or it does not say. @throws retryable errors.
 */
export async function offsetsRetentionMs(cluster: Cluster): Promise<number | undefined> {
  const name = 'offsets.retention.minutes';
  const [node] = cluster.nodes;
  if (node === undefined) return undefined;
  const resource = { resourceType: ConfigResourceTypes.BROKER, resourceName: String(node), configurationKeys: [name] };
  const configs = await describe(await cluster.broker(node), resource, `settings of broker ${node}`).catch(refused);
  const minutes = Number(configs?.get(name));
  return minutes > 0 ? minutes * 60_000 : undefined;
}

/** What may work the next time is no refusal. */
function refused(error: unknown): undefined {
  if (toSplitterError(error).retryable) throw error;
}

type Resource = { resourceType: number; resourceName: string; configurationKeys: string[] | null };

async function describe(broker: Connection, resource: Resource, what: string): Promise<Map<string, string>> {
  const response = await call(broker, describeConfigsV4.api, [resource as never], false, false);
  const [result] = response.results;
  throwIfError(result?.errorCode ?? 0, what, result?.errorMessage);
  return new Map((result?.configs ?? []).map(({ name, value }) => [name, value ?? '']));
}
