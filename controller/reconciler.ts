// The loop around the decision for one target: observe, decide, act, report. Holds no state that a restart would miss.
import { crashPoint } from '../common/crash-points.ts';
import { type SplitterError, toSplitterError } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import type { ActContext, Place } from './act/context.ts';
import { assertLeading } from './act/leading.ts';
import { perform } from './act/perform.ts';
import { decide } from './decide/decide.ts';
import type { Decision, Observed } from './decide/observed.ts';
import type { Names } from './decide/plan.ts';
import { describeAction } from './describe.ts';
import { countPods, measured } from './measure.ts';
import { type ObserverOptions, observe } from './observe/observe.ts';
import { report } from './report.ts';

export type Reconciler = {
  act: ActContext;
  observer: ObserverOptions;
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
  countPods(observed);
  const decision = decide(observed, names);
  const failure = await attempt(() => performAll(reconciler, key, observed, decision));
  await report(act, observed, decision, failure);
  if (failure) throw failure;
  if (decision.actions.length > 0) return decision.requeueAfterMs ?? 0;
  const sessions = observed.sessions.map(({ session }) => session);
  return soonest(decision.requeueAfterMs, observer.heartbeats.nextLookMs(sessions));
}

async function performAll(
  { act, log }: Reconciler,
  key: TargetKey,
  observed: Observed,
  decision: Decision,
): Promise<void> {
  const place: Place = { namespace: key.namespace, target: observed.targetReference };
  for (const action of decision.actions) {
    const facts = { ...key, phase: observed.split?.spec.phase, action: action.type };
    log.debug(facts, 'begins');
    crashPoint(`controller.before-${action.type}`);
    assertLeading(act);
    await measured(action, observed, () => perform(act, place, action));
    log.info(facts, describeAction(action));
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
  const known = delays.filter((delay) => delay !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}
