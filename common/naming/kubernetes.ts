// Names and label values of our own Kubernetes objects. Pure; the same input always gives the same name.
import { TOKEN_PREFIX } from '../../api/constants.ts';
import type { QueueKind, TargetReference } from '../../api/kinds/common.ts';
import type { EnvironmentVariable } from '../../api/kinds/workload-split.ts';
import { limitLength, shortHash } from './hash.ts';

/** RFC 1123 subdomain, as the API server wants names of custom resources. */
const MAX_NAME = 253;

/** One for each target: creating it is the lock. */
export function splitName(target: Pick<TargetReference, 'kind' | 'name'>): string {
  return limitLength(`${target.kind}-${target.name}`.toLowerCase(), MAX_NAME);
}

/**
 * Value of the pods' patched label: changes whenever what the pods would see changes, and never repeats for another split.
 * The order of the variables does not matter.
 */
export function splitToken(
  splitUid: string,
  environment: readonly Pick<EnvironmentVariable, 'container' | 'variable' | 'value'>[],
): string {
  const content = environment
    .map(({ container, variable, value }) => JSON.stringify([container, variable, value]))
    .toSorted();
  return TOKEN_PREFIX + shortHash(JSON.stringify([splitUid, content]), 16);
}

/**
 * Name of the claim on an original queue.
 * @param identity the queue's ARN, or Kafka cluster id, topic and group; never a part of the name, for it may be long and hold anything.
 */
export function claimName(kind: QueueKind, identity: string): string {
  return `claim-${kind.toLowerCase()}-${shortHash(identity, 40)}`;
}
