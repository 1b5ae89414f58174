// The way back: the fallback is drained, the target restored, the temporary queues deleted.
import type { DesiredForwarding, SplitQueue } from '../../../api/kinds/workload-split.ts';
import type { Observed } from '../observed.ts';
import { served } from '../sessions.ts';
import { bumped, inPhase, mapQueues, reports, toldQueues, withState } from '../spec.ts';
import { act, POLL_MS, type SplitContext, type Step, wait } from '../step.ts';
import { keepPatched, registration, unpatch, waitForSecondLook } from './pods.ts';
import { resume } from './running.ts';

export function draining(context: SplitContext): Step {
  const { observed, split } = context;
  const { spec } = split;
  if (served(observed).length > 0) return resume(context);
  const kept = keepPatched(context);
  if (kept) return kept;
  const fed = spec.queues.filter((queue) => queue.forwarding !== 'Hold');
  const busy = fed.filter((queue) => !reports(split, queue, 'Stopped', 'Returned'));
  const returning = busy.filter((queue) => queue.forwarding === 'Return');
  if (busy.length > returning.length) return wait('the forwarder to stop', POLL_MS);
  const isGivenUp = (queue: SplitQueue): boolean => queue.leftOvers !== undefined || reports(split, queue, 'Returned');
  const full = fed.filter((queue) => !observed.queues.get(queue.key)?.drained && !isGivenUp(queue));
  if (full.length === 0) {
    return act({
      type: 'WriteSpec',
      split,
      spec: inPhase(spec, 'Restoring', observed.now),
      why: 'the fallback queues are empty',
    });
  }
  const late = full.filter((queue) => isLate(context, queue));
  const limit = late.length > 0 ? '; the limit of the drain is over, and they are kept' : '';
  const waiting = `the target to read ${remainingText(observed, full)}${limit}`;
  return giveUpDrain(context, full, late) ?? wait(waiting, POLL_MS);
}

function isLate({ observed, split }: SplitContext, { kind, forwarding }: SplitQueue): boolean {
  const limit = observed.settings.drainTimeoutSeconds[kind];
  const isOver = limit !== undefined && observed.now - Date.parse(split.spec.phaseSince) >= limit * 1000;
  return isOver && forwarding !== 'Return';
}

/**
 * At the limit what is left of SQS moves back to the original. No copy is ever produced into a Kafka original: what becomes of
 * its records is settled behind the fence, when no other queue has to be waited for any more.
 */
function giveUpDrain(
  { observed, split }: SplitContext,
  full: readonly SplitQueue[],
  late: readonly SplitQueue[],
): Step {
  const sqs = late.filter(({ kind }) => kind === 'SQS');
  if (sqs.length > 0) {
    const spec = mapQueues(split.spec, (queue) => (sqs.includes(queue) ? { ...queue, forwarding: 'Return' } : queue));
    const why = 'not drained within the limit: the rest moves back to the original';
    return act({ type: 'WriteSpec', split, spec: bumped(spec), why });
  }
  const leftOvers = observed.settings.onKafkaDrainTimeout;
  if (leftOvers === 'Keep' || late.length === 0 || late.length < full.length) return undefined;
  const spec = mapQueues(split.spec, (queue) => (late.includes(queue) ? { ...queue, leftOvers } : queue));
  const fate = leftOvers === 'Drop' ? 'they are dropped' : 'they are read again from the original';
  const message = `the drain ran into its limit with ${remainingText(observed, late)}: ${fate}`;
  const warning = { reason: 'DrainGivenUp', message };
  return act({ type: 'WriteSpec', split, spec: inPhase(spec, 'Restoring', observed.now), why: message, warning });
}

export function remainingText(observed: Observed, queues: readonly SplitQueue[]): string {
  return queues
    .map((queue) => {
      const { remaining = 'an unknown number of', problem } = observed.queues.get(queue.key) ?? {};
      return `${remaining} messages in ${queue.fallback.name}${problem === undefined ? '' : ` (${problem})`}`;
    })
    .join(', ');
}

export function restoring(context: SplitContext): Step {
  const { observed, split } = context;
  const kafka = toldQueues(split.spec).filter((queue) => queue.kind === 'Kafka');
  const unfenced = kafka.filter((queue) => !queue.fenced);
  if (unfenced.length > 0) return act({ type: 'FenceProducers', split, keys: unfenced.map((queue) => queue.key) });
  const late = kafka.filter(({ key, leftOvers }) => !leftOvers && observed.queues.get(key)?.remaining !== 0);
  if (late.length > 0) return readRest(context, late);
  const unread = kafka.filter(({ leftOvers, rewound }) => leftOvers === 'Rewind' && !rewound);
  if (unread.length > 0) return act({ type: 'RewindGroups', split, keys: unread.map((queue) => queue.key) });
  return registration(context) ?? unpatch(context) ?? afterRestore(context);
}

/** The fence may have brought records. Pods that come now are not patched: when no other is left, patching begins again. */
function readRest({ observed, split }: SplitContext, late: readonly SplitQueue[]): Step {
  const isRead = observed.pods.some((pod) => pod.token !== undefined && !pod.terminating);
  if (isRead || late.some((queue) => observed.queues.get(queue.key)?.remaining === undefined))
    return wait(`the target to read ${remainingText(observed, late)}`, POLL_MS);
  const spec = inPhase(split.spec, 'Draining', observed.now);
  return act({
    type: 'WriteSpec',
    split,
    spec,
    why: 'no pod is left that reads the fallback queue, and it is not empty',
  });
}

function afterRestore({ observed, split }: SplitContext): Step {
  const looked = waitForSecondLook(observed.unpatchedForMs, observed.settings.restoreConfirmationMs);
  if (looked) return looked;
  return act({
    type: 'WriteSpec',
    split,
    spec: inPhase(split.spec, 'Cleaning', observed.now),
    why: 'the target is restored',
  });
}

/** No pod names a temporary queue any more. What a dying pod gave back to a fallback still goes to the original. */
export function cleaning(context: SplitContext): Step {
  const { split } = context;
  const { spec } = split;
  if (spec.resources.length === 0) return act({ type: 'ReleaseSplit', split });
  const own = spec.queues.filter(({ fallbackEnd }) => fallbackEnd !== undefined);
  if (own.length > 0) return act({ type: 'ReturnOwnRecords', split, keys: own.map((queue) => queue.key) });
  const moving = moveBack(context);
  if (moving) return moving;
  const temporary = (entry: { role: string; state: string }): boolean =>
    entry.role !== 'claim' && entry.state !== 'Retired';
  if (spec.resources.some(temporary)) {
    const queues = spec.queues.map((queue) => ({ ...queue, routes: [] }));
    const retired = bumped(withState({ ...spec, queues }, temporary, 'Retired'));
    return act({ type: 'WriteSpec', split, spec: retired, why: 'retired the temporary queues' });
  }
  const claims = (entry: { role: string; state: string }): boolean =>
    entry.role === 'claim' && entry.state !== 'Retired';
  if (spec.resources.every((entry) => entry.role === 'claim') && spec.resources.some(claims)) {
    return act({ type: 'WriteSpec', split, spec: withState(spec, claims, 'Retired'), why: 'retired the claims' });
  }
  return wait('temporary queues to be deleted', POLL_MS);
}

/** SQS: nothing is deleted before its fallback is empty. What arrives after the end of one move needs another, which begins with a Stop. */
function moveBack({ observed, split }: SplitContext): Step {
  const { spec } = split;
  const live = toldQueues(spec).filter((queue) => hasLive(spec.resources, queue.key));
  const holdsMessages = (queue: SplitQueue): boolean =>
    queue.kind === 'SQS' && (observed.queues.get(queue.key)?.remaining ?? (queue.forwarding === 'Return' ? 0 : 1)) > 0;
  const next = (queue: SplitQueue): DesiredForwarding => {
    if (!holdsMessages(queue)) return queue.forwarding;
    if (queue.forwarding === 'Return') return reports(split, queue, 'Returned') ? 'Stop' : 'Return';
    return queue.forwarding === 'Hold' || reports(split, queue, 'Stopped') ? 'Return' : 'Stop';
  };
  if (live.some((queue) => next(queue) !== queue.forwarding)) {
    const moved = mapQueues(spec, (queue) => (live.includes(queue) ? { ...queue, forwarding: next(queue) } : queue));
    return act({ type: 'WriteSpec', split, spec: bumped(moved), why: 'left-overs go back to the original' });
  }
  const busy = live.filter((queue) =>
    queue.forwarding === 'Return' ? !reports(split, queue, 'Returned') : holdsMessages(queue),
  );
  return busy.length > 0 ? wait(`the forwarder to move ${remainingText(observed, busy)} back`, POLL_MS) : undefined;
}

function hasLive(resources: readonly { queue: string; role: string; state: string }[], key: string): boolean {
  return resources.some((entry) => entry.queue === key && entry.role !== 'claim' && entry.state !== 'Retired');
}
