// While messages are routed: sessions come and go, pods stay patched, and after the last session the split is kept warm.
import type { SplitPhase, WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import type { Observed } from '../observed.ts';
import { served } from '../sessions.ts';
import { inPhase, toldQueues, withForwarding } from '../spec.ts';
import { act, RESYNC_MS, type SplitContext, type Step, wait } from '../step.ts';
import { keepPatched } from './pods.ts';
import { growEnvironment } from './start.ts';

export function splitting(context: SplitContext): Step {
  const { observed, split } = context;
  const kept = keepPatched(context) ?? growEnvironment(context);
  if (kept) return kept;
  const idle = served(observed).length === 0 && split.spec.queues.every((queue) => queue.routes.length === 0);
  if (!idle) return wait('sessions to come and go', RESYNC_MS);
  const spec = mayKeepWarm(observed, split)
    ? inPhase(split.spec, 'Warm', observed.now)
    : inPhase(withForwarding(split.spec, 'Stop'), 'Draining', observed.now);
  return act({ type: 'WriteSpec', split, spec, why: 'the last session is gone' });
}

export function warm(context: SplitContext): Step {
  const { observed, split } = context;
  const kept = keepPatched(context);
  if (kept) return kept;
  if (served(observed).length > 0) return resume(context);
  const until = Date.parse(split.spec.phaseSince) + split.spec.settings.ttlSeconds * 1000;
  const leftMs = until - observed.now;
  if (leftMs > 0 && mayKeepWarm(observed, split))
    return wait(
      `the next session, or the end of the warm time at ${new Date(until).toISOString()}`,
      Math.min(leftMs, RESYNC_MS),
    );
  const spec = inPhase(withForwarding(split.spec, 'Stop'), 'Draining', observed.now);
  return act({ type: 'WriteSpec', split, spec, why: 'nobody came back' });
}

function mayKeepWarm({ settings }: Observed, { metadata, spec }: WorkloadSplit): boolean {
  return spec.settings.ttlSeconds > 0 && !settings.uninstalling && metadata.deletionTimestamp === undefined;
}

/** A session came back. A queue that was told to pods but never cut over still needs its proof. */
export function resume({ observed, split }: SplitContext): Step {
  const unproven = toldQueues(split.spec).some((queue) => queue.forwarding === 'Hold');
  const phase: SplitPhase = unproven ? 'Patching' : 'Splitting';
  const spec = inPhase(withForwarding(split.spec, 'Forward'), phase, observed.now);
  return act({ type: 'WriteSpec', split, spec, why: 'a session came back' });
}
