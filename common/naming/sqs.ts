// Names of temporary SQS queues. IAM policies rely on the prefix, consumers on `.fifo`, people on the rest. Pure.
import { limitLength } from './hash.ts';

/** mirrord's guide grants permissions on `mirrord-*`. */
export const SQS_PREFIX = 'mirrord-';
const FIFO = '.fifo';
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html: `.fifo` counts. */
const MAX_LENGTH = 80;

/**
 * `mirrord-<random>-fallback-<original>` or `mirrord-<random>-<original>`; at most 80 characters, a long original is cut and gets a hash.
 * @param random letters and digits, at most 32; never used twice (SQS wants 60 s before a name is used again).
 */
export function sqsQueueName(original: string, role: 'fallback' | 'session', random: string): string {
  const fifo = original.endsWith(FIFO);
  const base = fifo ? original.slice(0, -FIFO.length) : original;
  const suffix = fifo ? FIFO : '';
  const prefix = `${SQS_PREFIX}${random}-${role === 'fallback' ? 'fallback-' : ''}`;
  return prefix + limitLength(base, MAX_LENGTH - prefix.length - suffix.length) + suffix;
}
