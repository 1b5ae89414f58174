// The names that plans are made with: temporary ones hold fresh random digits, the others follow from what they name.

import { kafkaTopicName, parseTopicFormat, temporaryGroupName, transactionalIdPrefix } from '../common/naming/kafka.ts';
import { claimName, splitToken } from '../common/naming/kubernetes.ts';
import { type RandomInteger, randomDigits } from '../common/naming/random.ts';
import { sqsQueueName } from '../common/naming/sqs.ts';
import type { Names } from './decide/plan.ts';

/** @throws SplitterError `InvalidConfig` when the topic format cannot be used. */
export function createNames(topicFormat: string, random?: RandomInteger): Names {
  const format = parseTopicFormat(topicFormat);
  return {
    temporaryQueue: (kind, original, role) =>
      kind === 'SQS'
        ? sqsQueueName(original, role, randomDigits(random))
        : kafkaTopicName(format, original, role, randomDigits(random)),
    temporaryGroup: (original) => temporaryGroupName(format, original, randomDigits(random)),
    claim: claimName,
    transactionalIdPrefix,
    token: splitToken,
  };
}
