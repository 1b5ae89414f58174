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
  const full = fed.filter((queue) => !observed.queues.get(queue.key)?.drained && !reports(split, queue, 'Returned'));
  if (full.length === 0) {
    return act({
      type: 'WriteSpec',
      split,
      spec: inPhase(spec, 'Restoring', observed.now),
      why: 'the fallback queues are empty',
    });
  }
  return giveUpDrain(context, full) ?? wait(`the target to read ${remainingText(observed, full)}`, POLL_MS);
}

/** At the limit what is left of SQS moves back to the original; Kafka keeps waiting (`keep`), nothing is ever re-produced there. */
function giveUpDrain({ observed, split }: SplitContext, full: readonly SplitQueue[]): Step {
  const limit = split.spec.settings.drainTimeoutSeconds ?? observed.settings.sqsLingerTimeoutSeconds;
  if (limit === undefined || observed.now - Date.parse(split.spec.phaseSince) < limit * 1000) return undefined;
  const late = full.filter((queue) => queue.kind === 'SQS' && queue.forwarding !== 'Return');
  if (late.length === 0) return undefined;
  const moved = mapQueues(split.spec, (queue) => (late.includes(queue) ? { ...queue, forwarding: 'Return' } : queue));
  const spec = bumped(moved);
  return act({
    type: 'WriteSpec',
    split,
    spec,
    why: `not drained within ${limit} s: the rest moves back to the original`,
  });
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
  const late = kafka.filter((queue) => observed.queues.get(queue.key)?.remaining !== 0);
  if (late.length > 0) return readRest(context, late);
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
