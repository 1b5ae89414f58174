// The leader's work: watches what can wake a target, and reconciles one target at a time until leadership ends.
import { FORWARDER_LABEL, PATCHED_LABEL, SESSION_LABEL, WEBHOOK_CONFIGURATION_NAME } from '../api/constants.ts';
import type { SplitSession } from '../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { type Clock, untilAborted } from '../common/clock.ts';
import { toSplitterError } from '../common/errors.ts';
import type { Lease } from '../common/kube/lease.ts';
import { type Change, Reflector } from '../common/kube/reflector.ts';
import { LEASES, PODS, SPLIT_SESSIONS, WEBHOOK_CONFIGURATIONS, WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { KubeObject } from '../common/kube/types.ts';
import { WorkQueue } from '../common/kube/work-queue.ts';
import type { Log } from '../common/log.ts';
import { sessionMetrics } from '../common/metrics/sessions.ts';
import { splitName } from '../common/naming/kubernetes.ts';
import type { ActContext } from './act/context.ts';
import type { SessionProjector } from './compat/projector.ts';
import type { Settings } from './decide/observed.ts';
import type { Names } from './decide/plan.ts';
import { replaceStrayPods } from './garbage/stray-pods.ts';
import type { Garbage } from './garbage/sweep.ts';
import { countSessions, countSplits, forgetAll, forgetPods, timeSession } from './measure.ts';
import { createForwarderWatch } from './observe/forwarder.ts';
import type { ObserverOptions } from './observe/observe.ts';
import { reconcile, type TargetKey } from './reconciler.ts';
import { TargetPods } from './target-pods.ts';
import { UNINSTALLING_LEASE, UninstallMark } from './uninstalling.ts';

const WORKERS = 4;
const MAX_BACKOFF_MS = 15_000;
const SWEEP_MS = 30_000;

export type ControllerOptions = {
  act: ActContext;
  observer: Omit<ObserverOptions, 'leaseVersion' | 'isForwarderAway' | 'settings'>;
  settings: Omit<Settings, 'uninstalling'>;
  names: Names;
  /** Absent: nothing is collected. */
  garbage: Garbage | undefined;
  projector: SessionProjector;
  clock: Clock;
  log: Log;
};

/** Resolves when the signal aborts and everything has stopped. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { act, clock, log, names, projector } = options;
  const { client } = act;
  const sessions = new Reflector<SplitSession>({ client, resource: SPLIT_SESSIONS, log, clock });
  const splits = new Reflector<WorkloadSplit>({ client, resource: WORKLOAD_SPLITS, log, clock });
  const leases = new Reflector<Lease>({ client, resource: LEASES, labelSelector: SESSION_LABEL, log, clock });
  const forwarders = new Reflector<Lease>({
    client,
    resource: LEASES,
    namespace: act.operatorNamespace,
    labelSelector: FORWARDER_LABEL,
    log,
    clock,
  });
  const patchedPods = new Reflector<KubeObject>({ client, resource: PODS, labelSelector: PATCHED_LABEL, log, clock });
  const configuration = new Reflector<KubeObject & { webhooks?: unknown[] }>({
    client,
    resource: WEBHOOK_CONFIGURATIONS,
    fieldSelector: `metadata.name=${WEBHOOK_CONFIGURATION_NAME}`,
    log,
    clock,
  });
  const marks = new Reflector<Lease>({
    client,
    resource: LEASES,
    namespace: act.operatorNamespace,
    fieldSelector: `metadata.name=${UNINSTALLING_LEASE}`,
    log,
    clock,
  });
  const reflectors = [sessions, splits, leases, forwarders, patchedPods, configuration, marks];
  const mark = new UninstallMark(() => clock.monotonic());

  const observer: ObserverOptions = {
    ...options.observer,
    leaseVersion: ({ metadata }) => leases.get(metadata)?.metadata.resourceVersion,
    isForwarderAway: createForwarderWatch({
      client,
      lease: forwarders.get.bind(forwarders),
      namespace: act.operatorNamespace,
      steady: options.observer.steady,
      clock,
    }),
    settings: () => ({ ...options.settings, uninstalling: mark.isLiving }),
  };
  const targets = new WorkQueue({
    name: 'targets',
    concurrency: WORKERS,
    maxDelayMs: MAX_BACKOFF_MS,
    clock,
    log,
    process: async (text) => ({ requeueAfterMs: await reconcile({ act, observer, names, log }, parseTarget(text)) }),
  });
  const sweeps = new WorkQueue({
    name: 'sweep',
    clock,
    log,
    maxDelayMs: MAX_BACKOFF_MS,
    process: async (what) => {
      if (what === 'pods') await replaceStrayPods(act, log);
      else if (await mark.removeStale(client)) log.warn('took away the mark of a clean-up Job that was killed');
      return { requeueAfterMs: SWEEP_MS };
    },
  });
  const garbage = new WorkQueue({
    name: 'garbage',
    clock,
    log,
    maxDelayMs: MAX_BACKOFF_MS,
    process: async (_key, stopping) => {
      await options.garbage?.sweep(stopping);
      return { requeueAfterMs: options.garbage?.intervalMs };
    },
  });
  const webhook = new WorkQueue({
    name: 'webhook-entries',
    clock,
    log,
    maxDelayMs: MAX_BACKOFF_MS,
    process: async () => {
      if (await act.webhook.repair()) sessionMetrics.webhookRepairs.inc();
    },
  });

  const wakeTarget = (session: SplitSession | undefined): void => {
    if (session) targets.add(targetText(session.metadata.namespace ?? '', splitName(session.spec.target)));
  };
  const wakeSplit = (split: WorkloadSplit | undefined): void => {
    if (split) targets.add(targetText(split.metadata.namespace ?? '', split.metadata.name));
  };
  const targetPods = new TargetPods({ client, log, clock, onPods: wakeSplit });
  sessions.onChange(({ after, before }: Change<SplitSession>) => {
    if (!after && before?.metadata.uid) {
      observer.heartbeats.forget(before.metadata.uid);
      observer.steady.forget(before.metadata.uid);
    }
    wakeTarget(after ?? before);
    countSessions(sessions.list());
    timeSession(before, after);
  });
  splits.onChange((change: Change<WorkloadSplit>) => {
    const { after, before } = change;
    targetPods.note(change);
    if (!after && before?.metadata.uid) {
      observer.steady.forget(before.metadata.uid);
      act.failures.forget(before.metadata.uid);
      // Somebody may have taken our finalizer off.
      webhook.add('entries');
    }
    wakeSplit(after ?? before);
    countSplits(splits.list());
    if (!after && before) forgetPods(before);
  });
  patchedPods.onChange(() => sweeps.add('pods'));
  marks.onChange((change) => {
    const before = mark.isLiving;
    mark.note(change);
    if (mark.isLiving === before) return;
    for (const session of sessions.list()) wakeTarget(session);
    for (const split of splits.list()) wakeSplit(split);
  });
  configuration.onChange(({ after }) => {
    sessionMetrics.webhookEntries.set(after?.webhooks?.length ?? 0);
    webhook.add('entries');
    for (const split of splits.list()) wakeSplit(split);
  });

  for (const reflector of reflectors) reflector.start();
  const projection = projector.start(sessions, signal);
  try {
    await Promise.all(reflectors.map((reflector) => reflector.waitForSync(signal)));
    log.info({ sessions: sessions.list().length, splits: splits.list().length }, 'everything is listed');
    webhook.start();
    webhook.add('entries');
    targets.start();
    sweeps.start();
    sweeps.add('pods');
    sweeps.add('mark');
    garbage.start();
    garbage.add('all');
    await untilAborted(signal);
  } catch (error) {
    if (!signal.aborted) throw toSplitterError(error);
  } finally {
    await Promise.all([targets, sweeps, garbage, webhook].map((queue) => queue.shutdown()));
    await projection;
    await Promise.all([...reflectors.map((reflector) => reflector.stop()), targetPods.stop()]);
    forgetAll();
  }
}

function targetText(namespace: string, split: string): string {
  return `${namespace}/${split}`;
}

function parseTarget(text: string): TargetKey {
  const [namespace = '', split = ''] = text.split('/');
  return { namespace, split };
}
