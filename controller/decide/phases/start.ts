// From the first session to the first message: queues are made, the environment is complete, every pod is patched.
import type { Action, Problem } from '../observed.ts';
import { podEnvironment } from '../plan.ts';
import { wanting } from '../sessions.ts';
import { inPhase, mapQueues, withForwarding } from '../spec.ts';
import { act, POLL_MS, type SplitContext, type Step, wait } from '../step.ts';
import { registration, restart } from './pods.ts';

export function preparing({ observed, split, names }: SplitContext): Step {
  if (wanting(observed).length === 0) {
    return split.spec.resources.length > 0 || split.spec.queues.length > 0
      ? wait('planned queues are taken back')
      : act({ type: 'ReleaseSplit', split });
  }
  return (
    failStuck({ observed, split, names }) ??
    growEnvironment({ observed, split, names }) ??
    wait('temporary queues', POLL_MS)
  );
}

/** Retryable failures may not keep a session waiting for ever. */
function failStuck({ observed, split }: SplitContext): Step {
  const { settings, phaseSince } = split.spec;
  if (observed.now - Date.parse(phaseSince) < settings.restartTimeoutSeconds * 1000) return undefined;
  const cause = [...observed.failures.values()][0];
  const problem: Problem = {
    code: cause?.code ?? 'BrokerUnreachable',
    retryable: false,
    message: `temporary queues could not be made within ${settings.restartTimeoutSeconds} s: ${cause?.message ?? 'no answer'}`,
  };
  return act(...wanting(observed).map(({ session }): Action => ({ type: 'FailSession', session, problem })));
}

/** New fallback queues change what pods must see: a new token, and a restart. */
export function growEnvironment({ observed, split, names }: SplitContext): Step {
  const { spec } = split;
  const unready = spec.resources.some((entry) => entry.role !== 'session' && entry.state === 'Planned');
  const environment = podEnvironment(spec);
  if (unready || environment.length === 0) return undefined;
  const token = names.token(split.metadata.uid ?? '', environment);
  if (token === spec.token) return undefined;
  const unstarted = spec.queues.filter((queue) => queue.kind === 'Kafka' && queue.start === undefined);
  if (unstarted.length > 0)
    return act({ type: 'RecordStartOffsets', split, keys: unstarted.map((queue) => queue.key) });
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

export function patching(context: SplitContext): Step {
  const { observed, split } = context;
  const { spec } = split;
  if (wanting(observed).length === 0 && spec.queues.every((queue) => queue.routes.length === 0)) return undo(context);
  const late = failLate(context);
  if (late) return late;
  const proof = registration(context) ?? restart(context);
  if (proof) return proof;
  const unsettled = spec.queues.filter(
    (queue) => queue.forwarding === 'Hold' && !observed.queues.get(queue.key)?.settled,
  );
  if (unsettled.length > 0) {
    const message = unsettled
      .map((queue) => observed.queues.get(queue.key)?.settleMessage ?? 'not asked yet')
      .join('; ');
    return wait(`readers of ${unsettled.map((queue) => queue.original.name).join(', ')}: ${message}`, POLL_MS);
  }
  const forwarding = mapQueues(spec, (queue) =>
    queue.forwarding === 'Hold' ? { ...queue, forwarding: 'Forward' } : queue,
  );
  const next = inPhase(forwarding, 'Splitting', observed.now);
  return act({ type: 'WriteSpec', split, spec: next, why: 'every pod of the target is patched' });
}

/** Nobody wants the split although it is half made: back, with a drain only if something was ever forwarded. */
function undo({ observed, split }: SplitContext): Step {
  const fed = split.spec.queues.some((queue) => queue.forwarding !== 'Hold');
  const spec = inPhase(withForwarding(split.spec, 'Stop'), fed ? 'Draining' : 'Restoring', observed.now);
  return act({ type: 'WriteSpec', split, spec, why: 'no session is left' });
}

function failLate({ observed, split }: SplitContext): Step {
  const { settings, phaseSince, target } = split.spec;
  const waiting = wanting(observed).filter(({ session }) => session.status?.phase !== 'Ready');
  if (observed.now - Date.parse(phaseSince) < settings.restartTimeoutSeconds * 1000 || waiting.length === 0)
    return undefined;
  const unpatched = observed.pods.filter((pod) => pod.token !== split.spec.token).length;
  const cause =
    observed.webhook.problem ??
    observed.target?.blocked ??
    `${unpatched} of ${observed.pods.length} pods still read the original queue`;
  const problem: Problem = {
    code: observed.target?.blocked === undefined ? 'RestartTimeout' : 'RestartBlocked',
    retryable: false,
    message: `${target.kind} ${target.name} was not restarted within ${settings.restartTimeoutSeconds} s: ${cause}; it is put back. Raise workloadRestartTimeout if it only needs longer`,
  };
  return act(...waiting.map(({ session }): Action => ({ type: 'FailSession', session, problem })));
}
