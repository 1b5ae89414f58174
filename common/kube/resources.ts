// The API resources that our processes touch, as paths name them. RBAC in the chart lists the same ones.
import { GROUP, MIRRORD_GROUP, MIRRORD_VERSION, VERSION } from '../../api/constants.ts';
import type { Resource } from './types.ts';

const core = (plural: string, namespaced = true): Resource => ({ group: '', version: 'v1', plural, namespaced });
const apps = (plural: string): Resource => ({ group: 'apps', version: 'v1', plural, namespaced: true });
const ours = (plural: string): Resource => ({ group: GROUP, version: VERSION, plural, namespaced: true });
const mirrord = (plural: string): Resource => ({
  group: MIRRORD_GROUP,
  version: MIRRORD_VERSION,
  plural,
  namespaced: true,
});

export const SPLIT_SESSIONS = ours('splitsessions');
export const WORKLOAD_SPLITS = ours('workloadsplits');
export const QUEUE_REGISTRIES = mirrord('mirrordworkloadqueueregistries');
export const KAFKA_CLIENT_CONFIGS = mirrord('mirrordkafkaclientconfigs');
export const KAFKA_TOPICS_CONSUMERS = mirrord('mirrordkafkatopicsconsumers');
export const SQS_SESSIONS = mirrord('mirrordsqssessions');

export const PODS = core('pods');
export const CONFIG_MAPS = core('configmaps');
export const SECRETS = core('secrets');
export const EVENTS = core('events');
export const NAMESPACES = core('namespaces', false);
export const DEPLOYMENTS = apps('deployments');
export const REPLICA_SETS = apps('replicasets');
export const STATEFUL_SETS = apps('statefulsets');
export const LEASES: Resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', namespaced: true };
export const ENDPOINT_SLICES: Resource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  namespaced: true,
};
export const WEBHOOK_CONFIGURATIONS: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
};
