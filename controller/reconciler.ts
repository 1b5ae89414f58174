// The loop around the decision for one target: observe, decide, act, report. Holds no state that a restart would miss.
import { isDeepStrictEqual } from 'node:util';
import type { TargetReference } from '../api/kinds/common.ts';
import type { SplitSession } from '../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { crashPoint } from '../common/crash-points.ts';
import { type SplitterError, toSplitterError } from '../common/errors.ts';
import { SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { Log } from '../common/log.ts';
import type { ActContext, Place } from './act/context.ts';
import { perform } from './act/perform.ts';
import { ignoreMissing } from './act/sessions.ts';
import { decide } from './decide/decide.ts';
import type { Decision, Observed } from './decide/observed.ts';
import type { Names } from './decide/plan.ts';
import { type Observer, observe } from './observe/observe.ts';
import { sessionStatus } from './status/session-status.ts';
import { splitConditions } from './status/split-status.ts';

export type Reconciler = {
  act: ActContext;
  observer: Observer;
  names: Names;
  log: Log;
};

/** One target: its namespace and the name that its WorkloadSplit has or would have. */
export type TargetKey = { namespace: string; split: string };

/** Resolves to how soon to look again: 0 = at once, undefined = only on change. Rejects when an action failed; the queue backs off. */
export async function reconcile(reconciler: Reconciler, key: TargetKey): Promise<number | undefined> {
  const { act, observer, names } = reconciler;
  const observed = await observe(observer, act, key);
  if (!observed) return undefined;
  const decision = decide(observed, names);
  const failure = await attempt(() => performAll(reconciler, key, observed, decision));
  await report(reconciler, observed, decision);
  if (failure) throw failure;
  if (decision.actions.length > 0) return decision.requeueAfterMs ?? 0;
  return soonest(decision.requeueAfterMs, observer.nextExpiryMs(observed.sessions.map(({ session }) => session)));
}

async function performAll(
  { act, log }: Reconciler,
  key: TargetKey,
  observed: Observed,
  decision: Decision,
): Promise<void> {
  const place: Place = { namespace: key.namespace, target: observed.targetReference };
  for (const action of decision.actions) {
    const why = 'why' in action ? { why: action.why } : {};
    log.info({ ...key, phase: observed.split?.spec.phase, action: action.type, ...why }, 'act');
    crashPoint(`controller.before-${action.type}`);
    await perform(act, place, action);
    crashPoint(`controller.after-${action.type}`);
  }
}

async function attempt(call: () => Promise<void>): Promise<SplitterError | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return toSplitterError(error);
  }
}

function soonest(...delays: (number | undefined)[]): number | undefined {
  const known = delays.filter((delay) => delay !== undefined && Number.isFinite(delay)) as number[];
  return known.length > 0 ? Math.min(...known) : undefined;
}

/** Statuses are a report: written when they differ, never read back for a decision. */
async function report({ act }: Reconciler, observed: Observed, decision: Decision): Promise<void> {
  const failing = new Set(
    decision.actions.flatMap((action) =>
      action.type === 'FailSession' || action.type === 'DeleteSession' ? [action.session.metadata.uid] : [],
    ),
  );
  for (const entry of observed.sessions) {
    const { session } = entry;
    if (failing.has(session.metadata.uid) || session.status?.phase === 'Failed') continue;
    const status = sessionStatus(observed, entry, decision.waitingFor);
    if (isDeepStrictEqual(status, session.status)) continue;
    await ignoreMissing(
      act.client.mergePatch<SplitSession>(SPLIT_SESSIONS, nameOf(session), { status }, { subresource: 'status' }),
    );
    announcePhase(act, session, status.phase, status.message);
  }
  const { split } = observed;
  if (!split) return;
  const conditions = splitConditions(observed, split, decision.waitingFor);
  const remaining = split.spec.queues.flatMap((queue) => {
    const messages = observed.queues.get(queue.key)?.remaining;
    return messages === undefined ? [] : [{ key: queue.key, messages }];
  });
  const status = { conditions, ...(remaining.length > 0 ? { remaining } : {}) };
  if (
    isDeepStrictEqual(status, {
      conditions: split.status?.conditions,
      ...(split.status?.remaining && remaining.length > 0 ? { remaining: split.status.remaining } : {}),
    })
  )
    return;
  await ignoreMissing(
    act.client.mergePatch<WorkloadSplit>(WORKLOAD_SPLITS, nameOf(split), { status }, { subresource: 'status' }),
  );
}

function announcePhase(
  act: ActContext,
  session: SplitSession,
  phase: string | undefined,
  message: string | undefined,
): void {
  if (phase === session.status?.phase || phase === undefined) return;
  act.announce(session, 'Normal', phase, message ?? phase);
}

function nameOf({ metadata }: { metadata: { name: string; namespace?: string } }): {
  name: string;
  namespace?: string;
} {
  return { name: metadata.name, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) };
}

/** The target that a session is about, as a key; sessions and their split meet here. */
export function keyOf(
  namespace: string,
  target: TargetReference,
  splitName: (target: TargetReference) => string,
): TargetKey {
  return { namespace, split: splitName(target) };
}
