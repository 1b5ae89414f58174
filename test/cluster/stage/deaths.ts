// At which points controllers die in which play, in the order in which they come there. Pure.
import type { Action } from '../../../controller/decide/observed.ts';

/** What happens meanwhile: see test/full/chaos-controller.test.ts, and for the last one test/full/left-behind.test.ts. */
export type Happening = 'life' | 'refusal' | 'replacement' | 'loss' | 'handOver';

type ActionType = Action['type'];
type Point = `${'before' | 'after'}-${ActionType}`;

/** Whoever takes over from a dead one does the action, and dies in his turn. */
const around = (action: ActionType): Point[] => [`before-${action}`, `after-${action}`];

/**
 * A new leader repairs the webhook's entries first, so that it may find nothing to do for `SyncWebhook`: only who also wrote the phase
 * before it is sure to come there.
 */
const DEATHS: Record<Happening, readonly Point[]> = {
  life: [
    ...around('AddSessionFinalizer'),
    ...around('CreateSplit'),
    ...around('WriteSpec'),
    ...around('CreateResources'),
    ...around('RecordStartOffsets'),
    'after-SyncWebhook',
    ...around('RestartTarget'),
    // From here on messages are forwarded.
    ...around('WriteSpec'),
    ...around('DeleteResources'),
    ...around('ReleaseSession'),
    // The last session is gone.
    ...around('WriteSpec'),
    ...around('FenceProducers'),
    ...around('RemoveRestartAnnotation'),
    ...around('ReleaseSplit'),
  ],
  refusal: [...around('FailSession'), 'before-SyncWebhook', ...around('DeleteSession')],
  replacement: around('EvictPod'),
  loss: [...around('WriteSpec'), ...around('FenceProducers'), ...around('RewindGroups'), ...around('ReturnOwnRecords')],
  handOver: around('HandOver'),
};

const KAFKA_ONLY: ReadonlySet<Point> = new Set(
  (['RecordStartOffsets', 'FenceProducers', 'RewindGroups', 'ReturnOwnRecords'] as const).flatMap(around),
);

/** As `startCrashPod` takes them. */
export function deathsIn(happening: Happening, kinds: readonly ('SQS' | 'Kafka')[]): string[] {
  const points = DEATHS[happening].filter((point) => kinds.includes('Kafka') || !KAFKA_ONLY.has(point));
  return points.map((point) => `controller.${point}`);
}
