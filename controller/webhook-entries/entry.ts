// One entry of the webhook configuration for one split: pure. It matches pods of exactly that target, so an outage blocks nobody else (kubernetes-notes C5).
import { WEBHOOK_ENTRY_SUFFIX } from '../../api/constants.ts';
import { PATCHING_PHASES, type WorkloadSplit } from '../../api/kinds/workload-split.ts';

export type WebhookService = { name: string; namespace: string; port: number };

export type WebhookEntry = {
  name: string;
  clientConfig: { service: WebhookService & { path: string }; caBundle: string };
  rules: { apiGroups: string[]; apiVersions: string[]; operations: string[]; resources: string[]; scope: string }[];
  namespaceSelector: { matchLabels: Record<string, string> };
  objectSelector: WorkloadSplit['spec']['target']['selector'];
  matchConditions: { name: string; expression: string }[];
  failurePolicy: 'Fail';
  timeoutSeconds: number;
  reinvocationPolicy: 'IfNeeded';
  sideEffects: 'None';
  matchPolicy: 'Equivalent';
  admissionReviewVersions: string[];
};

/** Of splits whose pods must be patched now, the oldest first. */
export function entriesFor(
  splits: readonly WorkloadSplit[],
  clusterUid: string,
  service: WebhookService,
  caBundle: string,
): WebhookEntry[] {
  return splits
    .filter((split) => isActive(split, clusterUid))
    .toSorted(byAge)
    .map((split) => entryFor(split, service, caBundle));
}

function byAge({ metadata: one }: WorkloadSplit, { metadata: other }: WorkloadSplit): number {
  const created = (one.creationTimestamp ?? '').localeCompare(other.creationTimestamp ?? '');
  return created || (one.uid ?? '').localeCompare(other.uid ?? '');
}

function isActive({ metadata, spec }: WorkloadSplit, clusterUid: string): boolean {
  const own = spec.incarnation?.selfUid === metadata.uid && spec.incarnation?.clusterUid === clusterUid;
  return own && PATCHING_PHASES.has(spec.phase) && spec.environment.length > 0;
}

export function entryName(split: WorkloadSplit): string {
  return `${split.metadata.uid}.${WEBHOOK_ENTRY_SUFFIX}`;
}

export function entryPath(split: WorkloadSplit): string {
  return `/mutate/${referenceTo(split)}`;
}

/** What a webhook replica needs to see whether its cache is behind: names come again, and every split of a name counts from 0. */
export function referenceTo({ metadata, spec }: WorkloadSplit): string {
  return `${metadata.namespace}/${metadata.name}/${metadata.uid}/${spec.environmentRevision}`;
}

function entryFor(split: WorkloadSplit, service: WebhookService, caBundle: string): WebhookEntry {
  const { target } = split.spec;
  return {
    name: entryName(split),
    clientConfig: { service: { ...service, path: entryPath(split) }, caBundle },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': split.metadata.namespace ?? '' } },
    objectSelector: target.selector,
    matchConditions: [{ name: 'owned-by-the-target', expression: ownerExpression(target.name) }],
    failurePolicy: 'Fail',
    timeoutSeconds: 3,
    reinvocationPolicy: 'IfNeeded',
    sideEffects: 'None',
    matchPolicy: 'Equivalent',
    admissionReviewVersions: ['v1'],
  };
}

/** Object names have at most so many characters, and a template's hash at most ten. */
const MAX_NAME = 253;
const MAX_HASH = 10;
const HASH = "object.metadata.labels['pod-template-hash']";

/** Guarded by has(): an error in the expression would reject pods that have no owner. */
function ownerExpression(deployment: string): string {
  return [
    'has(object.metadata.ownerReferences)',
    'has(object.metadata.labels)',
    "'pod-template-hash' in object.metadata.labels",
    `object.metadata.ownerReferences.exists(owner, owner.kind == 'ReplicaSet' && owner.name == ${stem(deployment)} + '-' + ${HASH})`,
  ].join(' && ');
}

/** The Deployment controller cuts a long name so that dash and hash have room (generateReplicaSetName in its sync.go). */
function stem(deployment: string): string {
  const { length } = deployment;
  if (length <= MAX_NAME - 1 - MAX_HASH) return `'${deployment}'`;
  const room = `${MAX_NAME - 1} - size(${HASH})`;
  return `'${deployment}'.substring(0, ${room} < ${length} ? ${room} : ${length})`;
}
