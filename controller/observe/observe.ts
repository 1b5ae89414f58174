// Gathers the facts about one target: consistent reads from the API server, brokers asked only where the phase needs it. Changes nothing.
import type { ObjectMeta, QueueKind, TargetReference } from '../../api/kinds/common.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { PATCHING_PHASES, type WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { toSplitterError } from '../../common/errors.ts';
import { NAMESPACES, SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import { splitName } from '../../common/naming/kubernetes.ts';
import type { ActContext } from '../act/context.ts';
import type { Observed, ObservedSession, PodFact, Settings } from '../decide/observed.ts';
import { isRouted } from '../decide/sessions.ts';
import type { TargetKey } from '../reconciler.ts';
import type { Heartbeats } from './heartbeats.ts';
import { observeQueues } from './queues.ts';
import type { Resolver } from './resolve.ts';
import type { Steady } from './steady.ts';
import { type ObservedWorkload, observeWorkload } from './workload.ts';

export type ObserverOptions = {
  heartbeats: Heartbeats;
  steady: Steady;
  resolve: Resolver;
  /** resourceVersion of a session's heartbeat Lease, from the cache. */
  leaseVersion: (session: SplitSession) => string | undefined;
  emptyConfirmationMs: Record<QueueKind, number>;
  settings: () => Promise<Settings>;
};

export type Observer = ObserverOptions & {
  /** Milliseconds until the first of these sessions expires; Infinity when none can. */
  nextExpiryMs(sessions: readonly SplitSession[]): number;
};

export function createObserver(options: ObserverOptions): Observer {
  return {
    ...options,
    nextExpiryMs: (sessions) =>
      Math.min(
        Number.POSITIVE_INFINITY,
        ...sessions.map((session) =>
          Math.max(0, options.heartbeats.remainingMs(session, options.leaseVersion(session))),
        ),
      ),
  };
}

/** undefined = neither a session nor a split is there. */
export async function observe(observer: Observer, context: ActContext, key: TargetKey): Promise<Observed | undefined> {
  const { client } = context;
  const [split, listed, namespace, settings] = await Promise.all([
    client.get<WorkloadSplit>(WORKLOAD_SPLITS, { name: key.split, namespace: key.namespace }),
    client.list<SplitSession>(SPLIT_SESSIONS, { namespace: key.namespace }),
    client.get<{ metadata: ObjectMeta }>(NAMESPACES, { name: key.namespace }),
    observer.settings(),
  ]);
  const sessions = listed.items.filter((session) => splitName(session.spec.target) === key.split);
  const targetReference = split?.spec.target ?? sessions[0]?.spec.target;
  if (!targetReference) return undefined;
  const found = await observeWorkload(client, key.namespace, targetReference, split?.spec.target);
  const base: Omit<Observed, 'queues' | 'webhook' | 'sessions'> = {
    now: context.now(),
    clusterUid: context.clusterUid,
    namespace: { name: key.namespace, terminating: namespace?.metadata.deletionTimestamp !== undefined },
    targetReference: referenceOf(targetReference),
    split,
    target: found.target,
    pods: found.pods,
    unpatchedForMs: observer.steady.note(`${split?.metadata.uid} unpatched`, isRestored(split, found.pods)).forMs,
    failures: failuresOf(context, split),
    settings,
  };
  const observed: Observed = {
    ...base,
    queues: await observeQueues(
      { brokers: context.brokers, steady: observer.steady, emptyConfirmationMs: observer.emptyConfirmationMs },
      split,
      found.pods,
      goneAddresses(observer, split, found.pods),
    ),
    webhook: await observeWebhook(context, split),
    sessions: sessions.map((session) => ({ session, expired: isExpired(observer, session) })),
  };
  return { ...observed, sessions: await resolveSessions(observer, observed, found) };
}

function referenceOf({ apiVersion, kind, name }: TargetReference): TargetReference {
  return { apiVersion, kind, name };
}

function isRestored(split: WorkloadSplit | undefined, pods: readonly PodFact[]): boolean {
  return split?.spec.phase === 'Restoring' && pods.every((pod) => pod.token === undefined);
}

function failuresOf(context: ActContext, split: WorkloadSplit | undefined): Observed['failures'] {
  const mine = new Set(split?.spec.resources.map((entry) => entry.name));
  return new Map([...context.failures].filter(([name]) => mine.has(name)));
}

/** Addresses of pods that were seen before and are gone now, and that no living pod of the target has. */
function goneAddresses(
  observer: Observer,
  split: WorkloadSplit | undefined,
  pods: readonly PodFact[],
): ReadonlySet<string> {
  return observer.steady.departed(
    `${split?.metadata.uid} addresses`,
    pods.flatMap((pod) => pod.address ?? []),
  );
}

async function observeWebhook(context: ActContext, split: WorkloadSplit | undefined): Promise<Observed['webhook']> {
  if (!split) return { registered: false, problem: undefined };
  try {
    const registered = await context.webhook.isRegistered(split);
    const needed = !registered && PATCHING_PHASES.has(split.spec.phase);
    return { registered, problem: needed ? await context.webhook.problem(split) : undefined };
  } catch (error) {
    return { registered: false, problem: toSplitterError(error).message };
  }
}

function isExpired(observer: Observer, session: SplitSession): boolean {
  return observer.heartbeats.remainingMs(session, observer.leaseVersion(session)) <= 0;
}

/** Only sessions without routes are resolved, and only while they can still join. */
async function resolveSessions(
  observer: Observer,
  observed: Observed,
  found: ObservedWorkload,
): Promise<ObservedSession[]> {
  return await Promise.all(
    observed.sessions.map(async (entry) => {
      const { session } = entry;
      const over =
        session.metadata.deletionTimestamp !== undefined || session.status?.phase === 'Failed' || entry.expired;
      if (over || isRouted(observed, session)) return entry;
      try {
        return { ...entry, resolution: { ok: true as const, value: await observer.resolve(session, found.workload) } };
      } catch (error) {
        const { code, message, retryable } = toSplitterError(error);
        return { ...entry, resolution: { ok: false as const, problem: { code, message, retryable } } };
      }
    }),
  );
}
