// From an action's name to the code that does it. Nothing is decided here.
import type { Action } from '../decide/observed.ts';
import type { ActContext, Place } from './context.ts';
import { fenceProducers, recordStartOffsets, returnOwnRecords, rewindGroups } from './kafka.ts';
import { createResources, deleteResources, growTopics } from './resources.ts';
import { addSessionFinalizer, deleteSession, failSession, releaseSession } from './sessions.ts';
import { createSplit, handOver, releaseSplit, warn, writeSpec } from './split.ts';
import { evictPod, removeRestartAnnotation, restartTarget } from './target.ts';

export async function perform(context: ActContext, place: Place, action: Action): Promise<void> {
  switch (action.type) {
    case 'AddSessionFinalizer':
      return await addSessionFinalizer(context, action.session);
    case 'FailSession':
      return await failSession(context, action.session, action.problem);
    case 'DeleteSession':
      return await deleteSession(context, action.session, action.problem);
    case 'ReleaseSession':
      return await releaseSession(context, action.session);
    case 'CreateSplit':
      return await createSplit(context, place, action.spec);
    case 'WriteSpec':
      await writeSpec(context, action.split, action.spec);
      if (action.warning) warn(context, action.split, action.warning);
      return;
    case 'CreateResources':
      return await createResources(context, action.split, action.entries);
    case 'GrowTopics':
      return await growTopics(context, action.split, action.entries);
    case 'DeleteResources':
      return await deleteResources(context, action.split, action.entries);
    case 'RecordStartOffsets':
      return await recordStartOffsets(context, action.split, action.keys);
    case 'SyncWebhook':
      return await context.webhook.sync();
    case 'RestartTarget':
      return await restartTarget(context, place, action.restartedAt, action.resourceVersion);
    case 'RemoveRestartAnnotation':
      return await removeRestartAnnotation(context, place, action.resourceVersion);
    case 'EvictPod':
      await context.failures.attempt(action.split.metadata.uid ?? '', action.pod.uid, () =>
        evictPod(context, place.namespace, action.pod, action.why),
      );
      return;
    case 'FenceProducers':
      return await fenceProducers(context, action.split, action.keys);
    case 'RewindGroups':
      return await rewindGroups(context, action.split, action.keys);
    case 'ReturnOwnRecords':
      return await returnOwnRecords(context, action.split, action.keys);
    case 'HandOver':
      return await handOver(context, action.split);
    case 'ReleaseSplit':
      return await releaseSplit(context, action.split);
  }
}
