// What was done, in one line for whoever reads the log. Names of objects and queues only: never a filter, a message or the value of a variable.
import type { LedgerEntry } from '../api/kinds/workload-split.ts';
import type { Action } from './decide/observed.ts';

export function describeAction(action: Action): string {
  switch (action.type) {
    case 'AddSessionFinalizer':
      return `session ${action.session.metadata.name} is taken on`;
    case 'FailSession':
      return `session ${action.session.metadata.name} failed (${action.problem.code})`;
    case 'DeleteSession':
      return `session ${action.session.metadata.name} is ended (${action.problem.code})`;
    case 'ReleaseSession':
      return `session ${action.session.metadata.name} is over`;
    case 'CreateSplit':
      return 'a split begins';
    case 'WriteSpec':
      return `${phaseChange(action.split.spec.phase, action.spec.phase)}${action.why}`;
    case 'CreateResources':
      return `made, or tried to: ${names(action.entries)}`;
    case 'GrowTopics':
      return `given the partitions of the original, or tried to: ${names(action.entries)}`;
    case 'DeleteResources':
      return `deleted, or tried to: ${names(action.entries)}`;
    case 'RecordStartOffsets':
      return `noted where partitions begin: ${action.keys.join(', ')}`;
    case 'SyncWebhook':
      return 'the webhook entries are what the splits say';
    case 'RestartTarget':
      return 'the target restarts, for new pods read the fallback queues';
    case 'RemoveRestartAnnotation':
      return 'the target goes back to its own template';
    case 'EvictPod':
      return `asked pod ${action.pod.name} to go: ${action.why}`;
    case 'FenceProducers':
      return `no forwarder can write any more: ${action.keys.join(', ')}`;
    case 'RewindGroups':
      return `the group stands again in front of what nobody read: ${action.keys.join(', ')}`;
    case 'ReturnOwnRecords':
      return `what the target sent to its own fallback lies in the original: ${action.keys.join(', ')}`;
    case 'HandOver':
      return 'the namespace does not wait any longer; what is left is remembered elsewhere';
    case 'ReleaseSplit':
      return action.split.metadata.deletionTimestamp === undefined ? 'the split is deleted' : 'the split is over';
  }
}

function phaseChange(before: string, after: string): string {
  return before === after ? '' : `${before} → ${after}: `;
}

function names(entries: readonly LedgerEntry[]): string {
  return entries.map(({ name }) => name).join(', ');
}
