// How many messages a queue holds, as SQS counts them: approximately, and on AWS up to a minute late.
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { call } from './client.ts';

export type QueueDepth = { visible: number; inFlight: number; delayed: number };

/** @throws SplitterError `QueueNotFound`, `PermissionDenied` (sqs:GetQueueAttributes) and others. */
export async function readDepth(client: SQSClient, queue: { name: string; url: string }): Promise<QueueDepth> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queue.url,
    AttributeNames: [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ],
  });
  const { Attributes = {} } = await call('GetQueueAttributes', queue.name, client.send(command));
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
  };
}

/** Everything the queue still holds; zero, observed for long enough, means empty. */
export function totalOf(depth: QueueDepth): number {
  return depth.visible + depth.inFlight + depth.delayed;
}
