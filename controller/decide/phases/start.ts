// From the first session to the first message: queues are made, the environment is complete, every pod is patched.
import type { SplitQueue } from '../../../api/kinds/workload-split.ts';
import { mayTry, waitForRetry } from '../failures.ts';
import type { Observed, Problem } from '../observed.ts';
import { podEnvironment, queuesToTell } from '../plan.ts';
import { failAll, served, startOffsetsOf } from '../sessions.ts';
import { inPhase, mapQueues, toldQueues, withForwarding } from '../spec.ts';
import { act, POLL_MS, type SplitContext, type Step, wait } from '../step.ts';
import { registration, restart } from './pods.ts';

export function preparing(context: SplitContext): Step {
  const { observed, split } = context;
  if (served(observed).length > 0) return growEnvironment(context) ?? wait('temporary queues', POLL_MS);
  return split.spec.resources.length > 0 || split.spec.queues.length > 0
    ? wait('planned queues are taken back', POLL_MS)
    : act({ type: 'ReleaseSplit', split });
}

/** New fallback queues change what pods must see: a new token, and a restart. Those that are just being made share it. */
export function growEnvironment({ observed, split, names }: SplitContext): Step {
  const { spec } = split;
  const underWay = spec.resources.some((entry) => entry.state === 'Planned' && !observed.failures.has(entry.name));
  const environment = podEnvironment(spec);
  if (underWay || environment.length === 0) return undefined;
  const token = names.token(split.metadata.uid ?? '', environment);
  if (token === spec.token) return undefined;
  const unstarted = queuesToTell(spec).filter((queue) => queue.kind === 'Kafka' && queue.start === undefined);
  if (unstarted.length > 0) return recordStart({ observed, split, names }, unstarted);
  const next = inPhase(
    { ...spec, environment, token, restartedAt: new Date(observed.now).toISOString() },
    'Patching',
    observed.now,
  );
  return act({
    type: 'WriteSpec',
    split,
    spec: { ...next, environmentRevision: next.revision },
    why: 'the environment of the pods is complete',
  });
}

/** Where partitions begin for the group is only known before the restart. */
function recordStart({ observed, split }: SplitContext, queues: readonly SplitQueue[]): Step {
  const keys = queues.map((queue) => queue.key).filter((key) => mayTry(observed, startOffsetsOf(key)));
  if (keys.length > 0) return act({ type: 'RecordStartOffsets', split, keys });
  return waitForRetry(
    observed,
    queues.map((queue) => startOffsetsOf(queue.key)),
  );
}

export function patching(context: SplitContext): Step {
  const { observed, split } = context;
  const { spec } = split;
  if (served(observed).length === 0 && spec.queues.every((queue) => queue.routes.length === 0)) return undo(context);
  const late = failLate(context);
  if (late) return late;
  const proof = registration(context) ?? restart(context);
  if (proof) return proof;
  const message = unsettledText(context);
  if (message !== undefined) return wait(message, POLL_MS);
  // A queue that came in the meantime waits for a restart of its own: no pod was told of it.
  const told = new Set(toldQueues(spec).map((queue) => queue.key));
  const forwarding = mapQueues(spec, (queue) =>
    queue.forwarding === 'Hold' && told.has(queue.key) ? { ...queue, forwarding: 'Forward' } : queue,
  );
  const next = inPhase(forwarding, 'Splitting', observed.now);
  return act({ type: 'WriteSpec', split, spec: next, why: 'every pod of the target is patched' });
}

/** Who may still read an original although every pod is patched; undefined = nobody. */
function unsettledText({ observed, split }: SplitContext): string | undefined {
  const unsettled = toldQueues(split.spec).filter(
    (queue) => queue.forwarding === 'Hold' && !observed.queues.get(queue.key)?.settled,
  );
  if (unsettled.length === 0) return undefined;
  const messages = unsettled.map((queue) => observed.queues.get(queue.key)?.settleMessage ?? 'not asked yet');
  return `readers of ${unsettled.map((queue) => queue.original.name).join(', ')}: ${messages.join('; ')}`;
}

/** Nobody wants the split although it is half made: back, with a drain only if something was ever forwarded. */
function undo({ observed, split }: SplitContext): Step {
  const fed = split.spec.queues.some((queue) => queue.forwarding !== 'Hold');
  const spec = inPhase(withForwarding(split.spec, 'Stop'), fed ? 'Draining' : 'Restoring', observed.now);
  return act({ type: 'WriteSpec', split, spec, why: 'no session is left' });
}

/** Sessions whose queues wait for this restart, in vain; others go on while pods with the earlier token serve their fallbacks. */
function failLate(context: SplitContext): Step {
  const { observed, split } = context;
  const { settings, phaseSince } = split.spec;
  const isLate = observed.now - Date.parse(phaseSince) >= settings.restartTimeoutSeconds * 1000;
  if (!isLate && !observed.webhook.full) return undefined;
  const held = split.spec.queues.filter((queue) => queue.forwarding === 'Hold');
  const waiting = new Set(held.flatMap((queue) => queue.routes.map((route) => route.sessionUid)));
  const late = served(observed).filter(({ session }) => waiting.has(session.metadata.uid ?? ''));
  return failAll(late, lateProblem(context));
}

function lateProblem(context: SplitContext): Problem {
  const { observed, split } = context;
  const { target, token, settings } = split.spec;
  const title = `${target.kind} ${target.name}`;
  if (observed.webhook.full) {
    return {
      code: 'TooManySplits',
      retryable: false,
      message: `${title} cannot be split: ${observed.webhook.problem}`,
    };
  }
  const seconds = `${settings.restartTimeoutSeconds} s`;
  const unpatched = observed.pods.filter((pod) => pod.token !== token).length;
  const unsettled = unsettledText(context);
  if (unpatched === 0 && unsettled !== undefined) {
    const message = `every pod of ${title} is patched, but after ${seconds} somebody may still read the original; ${unsettled}. End that reader or let it use another group, and start again`;
    return { code: 'GroupUnsettled', retryable: false, message };
  }
  const blocked = observed.target?.blocked;
  const cause = observed.webhook.problem ?? blocked ?? evictionRefused(observed) ?? stillReading(observed, unpatched);
  return {
    code: blocked === undefined ? 'RestartTimeout' : 'RestartBlocked',
    retryable: false,
    message: `${title} was not restarted within ${seconds}: ${cause}; it is put back. If it only needs longer, raise workloadRestartTimeout of its registry, or consumerRestartTimeout of its topics consumer`,
  };
}

function evictionRefused({ failures, pods }: Observed): string | undefined {
  return pods.flatMap((pod) => failures.get(pod.uid)?.message ?? [])[0];
}

function stillReading({ pods }: Observed, unpatched: number): string {
  return `${unpatched} of ${pods.length} pods still read the original queue`;
}
