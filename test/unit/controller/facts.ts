// Facts as `observe` gathers them, with nothing in them that a test did not ask for.
import type { Route } from '../../../api/kinds/workload-split.ts';
import type { Observed, PodFact, QueueFacts, Settings } from '../../../controller/decide/observed.ts';
import { CLUSTER_UID, TARGET } from './bench.ts';

/** A pod that is ready and reads the original. */
export function podFact(name: string, more: Partial<PodFact> = {}): PodFact {
  const facts = { token: undefined, terminating: false, ready: true, started: true };
  return { name, uid: name, ...facts, restartedAt: undefined, address: undefined, ...more };
}

export function routeOf(session: string, more: Partial<Route> = {}): Route {
  return {
    session,
    sessionUid: `${session}-uid`,
    filter: { tenant: `^${session}$` },
    mode: 'steal',
    destination: { name: `mirrord-1-${session}` },
    startedAt: '',
    ending: false,
    ...more,
  };
}

export function queueFacts(more: Partial<QueueFacts> = {}): QueueFacts {
  const facts = { settled: false, settleMessage: '', remaining: undefined, problem: undefined };
  return { ...facts, outgrown: [], drained: false, ...more };
}

/** Nothing is uninstalled, and nothing has a limit. */
export const SETTINGS: Settings = {
  uninstalling: false,
  restoreConfirmationMs: 0,
  drainTimeoutSeconds: { SQS: undefined, Kafka: undefined },
  onKafkaDrainTimeout: 'Keep',
  cleanupDeadlineSeconds: undefined,
};

export function observedFacts(more: Partial<Observed> = {}): Observed {
  return {
    now: 0,
    clusterUid: CLUSTER_UID,
    namespace: { name: 'shop', terminating: false },
    targetReference: TARGET,
    split: undefined,
    sessions: [],
    target: undefined,
    pods: [],
    queues: new Map(),
    webhook: { registered: false, problem: undefined, full: false },
    forwarderAway: false,
    unpatchedForMs: 0,
    leavingForMs: 0,
    failures: new Map(),
    settings: SETTINGS,
    ...more,
  };
}
