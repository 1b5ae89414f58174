// What to do about an error, where its message does not say it already. One sentence per code; an error's own `details.hint` goes first. Pure.
import type { ErrorCode, SplitterError } from '../common/errors.ts';

const HINTS: Partial<Record<ErrorCode, string>> = {
  InvalidFilter:
    'correct the regular expression in feature.split_queues; back-references and look-around are not supported',
  UnknownQueueId: 'correct the queue id in feature.split_queues; “*” stands for all of that queue_type',
  NoQueuesFound: 'name a queue id in feature.split_queues instead of “*”, or see that the queue_type is right',
  RegistryMissing:
    'ask whoever runs the cluster to declare the workload’s queues in a MirrordWorkloadQueueRegistry or MirrordKafkaTopicsConsumer',
  RolloutInProgress: 'wait until kubectl rollout status says that it is done, and start again',
  RestartTimeout: 'see kubectl describe pod for what keeps the pods from becoming ready',
  OriginalClaimed: 'wait until the other split has ended (qsplit status -A), or work on that workload',
  ApiUnreachable: 'see whether kubectl get --raw /readyz works with the same kubeconfig',
  HeartbeatExpired: 'start again; a laptop that sleeps stops the heartbeat',
  SessionLost: 'start again; see qsplit status',
  Internal: 'this is a bug in queue-splitter: please report it with this message',
};

/** The API server's refusals; a broker's have no status of their own here. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: 'log in again; see whether kubectl auth whoami works with the same kubeconfig',
  403: 'see that this is the namespace of the target (-n, target.namespace); if it is, ask whoever runs the cluster to bind the ClusterRole queue-splitter-user to you there',
};

export function hintFor(error: SplitterError): string | undefined {
  const own = error.details['hint'];
  if (typeof own === 'string') return own;
  const { status } = error.details;
  return (typeof status === 'number' ? REFUSALS[status] : undefined) ?? HINTS[error.code];
}
