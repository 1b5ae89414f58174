// What a temporary queue takes over from its original: attributes by an allow-list, policy, tags. Pure; calls nobody.
import { CLUSTER_TAG, ORIGINAL_TAG, SPLIT_TAG } from '../../../api/constants.ts';

/** AWS recommends no more, and refuses more on creation. */
export const MAX_TAGS = 50;

/** Copied as they are. Not here on purpose: DelaySeconds (the original has delayed already) and RedriveAllowPolicy (we are nobody's dead-letter queue). */
const COPIED = [
  'VisibilityTimeout',
  'MaximumMessageSize',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
] as const;

export type QueueAttributes = Partial<Record<string, string>>;

/**
 * @param attributes all attributes of the original.
 * @param name of the temporary queue; takes the original's place in the policy.
 * @param redrive whether the dead-letter queue admits one more source.
 */
export function cloneAttributes(attributes: QueueAttributes, name: string, redrive: boolean): Record<string, string> {
  const clone: Record<string, string> = { DelaySeconds: '0' };
  for (const key of COPIED) {
    const value = attributes[key];
    if (value !== undefined && value !== '') clone[key] = value;
  }
  // One kind of encryption at a time: a key of the customer wins, as it does on the original.
  if (clone['KmsMasterKeyId'] === undefined) {
    delete clone['KmsDataKeyReusePeriodSeconds'];
    if (attributes['SqsManagedSseEnabled'] !== undefined)
      clone['SqsManagedSseEnabled'] = attributes['SqsManagedSseEnabled'];
  }
  const policy = clonePolicy(attributes['Policy'], attributes['QueueArn'], name);
  if (policy !== undefined) clone['Policy'] = policy;
  if (redrive && attributes['RedrivePolicy']) clone['RedrivePolicy'] = attributes['RedrivePolicy'];
  return clone;
}

/** The original's policy for the new queue: its ARN takes the original's place wherever it stands alone; conditions (aws:SourceArn …) stay. */
export function clonePolicy(
  policy: string | undefined,
  originalArn: string | undefined,
  name: string,
): string | undefined {
  if (!policy || !originalArn) return undefined;
  const newArn = `${originalArn.slice(0, originalArn.lastIndexOf(':') + 1)}${name}`;
  const swap = (value: unknown): unknown => {
    if (value === originalArn) return newArn;
    return Array.isArray(value) ? value.map(swap) : value;
  };
  const document: unknown = JSON.parse(policy);
  if (!isRecord(document)) return policy;
  const statements = Array.isArray(document['Statement']) ? document['Statement'] : [document['Statement']];
  const Statement = statements.map((statement: unknown) =>
    isRecord(statement)
      ? Object.fromEntries(
          Object.entries(statement).map(([key, value]) => [
            key,
            key === 'Resource' || key === 'NotResource' ? swap(value) : value,
          ]),
        )
      : statement,
  );
  return JSON.stringify({ ...document, Statement });
}

/** RedriveAllowPolicy of a dead-letter queue; absent = every queue of the account may use it. */
export function admitsAnySource(redriveAllowPolicy: string | undefined): boolean {
  if (!redriveAllowPolicy) return true;
  const policy: unknown = JSON.parse(redriveAllowPolicy);
  return !isRecord(policy) || (policy['redrivePermission'] ?? 'allowAll') === 'allowAll';
}

/** ARN of the dead-letter queue that a RedrivePolicy names. */
export function deadLetterArn(redrivePolicy: string | undefined): string | undefined {
  if (!redrivePolicy) return undefined;
  const policy: unknown = JSON.parse(redrivePolicy);
  const arn = isRecord(policy) ? policy['deadLetterTargetArn'] : undefined;
  return typeof arn === 'string' ? arn : undefined;
}

/** The owner's marks win over the registry's tags, those over the original's; when there are too many, the original's last ones are left out. */
export function cloneTags(
  original: Record<string, string>,
  registry: Record<string, string>,
  owner: { clusterUid: string; splitUid: string },
  originalUrl: string,
): Record<string, string> {
  const wanted = { ...registry, ...ownerTags(owner), [ORIGINAL_TAG]: originalUrl };
  const inherited = Object.entries(original)
    .filter(([key]) => !key.toLowerCase().startsWith('aws:') && !(key in wanted))
    .slice(0, Math.max(0, MAX_TAGS - Object.keys(wanted).length));
  return { ...Object.fromEntries(inherited), ...wanted };
}

export function ownerTags(owner: { clusterUid: string; splitUid: string }): Record<string, string> {
  return { [CLUSTER_TAG]: owner.clusterUid, [SPLIT_TAG]: owner.splitUid };
}

export function isOwnedBy(tags: Record<string, string>, owner: { clusterUid: string; splitUid: string }): boolean {
  return Object.entries(ownerTags(owner)).every(([key, value]) => tags[key] === value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
