// While messages are routed: sessions come and go, pods stay patched, and after the last session the split is kept warm.
import { wanting } from '../sessions.ts';
import { inPhase, withForwarding } from '../spec.ts';
import { act, RESYNC_MS, type SplitContext, type Step, wait } from '../step.ts';
import { keepPatched } from './pods.ts';
import { growEnvironment } from './start.ts';

export function splitting(context: SplitContext): Step {
  const { observed, split } = context;
  const kept = keepPatched(context) ?? growEnvironment(context);
  if (kept) return kept;
  const idle = wanting(observed).length === 0 && split.spec.queues.every((queue) => queue.routes.length === 0);
  if (!idle) return wait('sessions to come and go', RESYNC_MS);
  const keepWarm = split.spec.settings.ttlSeconds > 0 && !observed.settings.uninstalling;
  const spec = keepWarm
    ? inPhase(split.spec, 'Warm', observed.now)
    : inPhase(withForwarding(split.spec, 'Stop'), 'Draining', observed.now);
  return act({ type: 'WriteSpec', split, spec, why: 'the last session is gone' });
}

export function warm(context: SplitContext): Step {
  const { observed, split } = context;
  const kept = keepPatched(context);
  if (kept) return kept;
  if (wanting(observed).length > 0) {
    return act({
      type: 'WriteSpec',
      split,
      spec: inPhase(split.spec, 'Splitting', observed.now),
      why: 'a session came back',
    });
  }
  const leftMs = Date.parse(split.spec.phaseSince) + split.spec.settings.ttlSeconds * 1000 - observed.now;
  if (leftMs > 0 && !observed.settings.uninstalling)
    return wait(`kept warm for ${Math.ceil(leftMs / 1000)} s`, Math.min(leftMs, RESYNC_MS));
  const spec = inPhase(withForwarding(split.spec, 'Stop'), 'Draining', observed.now);
  return act({ type: 'WriteSpec', split, spec, why: 'nobody came back' });
}
