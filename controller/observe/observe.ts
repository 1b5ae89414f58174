// Gathers the facts about one target: consistent reads from the API server, brokers asked only where the phase needs it. Changes nothing.
import type { ObjectMeta, QueueKind, TargetReference } from '../../api/kinds/common.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { PATCHING_PHASES, type WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { toSplitterError } from '../../common/errors.ts';
import type { Lease } from '../../common/kube/lease.ts';
import { LEASES, NAMESPACES, SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import { splitName } from '../../common/naming/kubernetes.ts';
import type { ActContext } from '../act/context.ts';
import type { Observed, ObservedSession, PodFact, Settings } from '../decide/observed.ts';
import { isRouted } from '../decide/sessions.ts';
import { isOpen } from '../decide/spec.ts';
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
  isForwarderAway: (split: WorkloadSplit) => Promise<boolean>;
  emptyConfirmationMs: Record<QueueKind, number>;
  settings: () => Settings;
};

/** undefined = neither a session nor a split is there. */
export async function observe(
  observer: ObserverOptions,
  context: ActContext,
  key: TargetKey,
): Promise<Observed | undefined> {
  const { client } = context;
  // The split comes first: what is written to it is conditional on its resourceVersion, so no decision rests on facts that are older.
  const split = await client.get<WorkloadSplit>(WORKLOAD_SPLITS, { name: key.split, namespace: key.namespace });
  const [listed, namespace] = await Promise.all([
    client.list<SplitSession>(SPLIT_SESSIONS, { namespace: key.namespace }),
    client.get<{ metadata: ObjectMeta }>(NAMESPACES, { name: key.namespace }),
  ]);
  const sessions = listed.items.filter((session) => splitName(session.spec.target) === key.split);
  const targetReference = split?.spec.target ?? sessions[0]?.spec.target;
  if (!targetReference) return undefined;
  const webhook = await observeWebhook(context, split);
  const found = await observeWorkload(client, key.namespace, targetReference, split?.spec.target);
  const uid = split?.metadata.uid ?? '';
  const restored = isRestored(split, webhook, found);
  const observed: Observed = {
    now: context.now(),
    clusterUid: context.clusterUid,
    namespace: { name: key.namespace, terminating: namespace?.metadata.deletionTimestamp !== undefined },
    targetReference: referenceOf(targetReference),
    split,
    target: found.target,
    pods: found.pods,
    webhook,
    forwarderAway: split !== undefined && (await observer.isForwarderAway(split)),
    unpatchedForMs: observer.steady.note(`${uid} unpatched`, restored).forMs,
    leavingForMs: observer.steady.note(`${uid} leaving`, isLeaving(split, namespace)).forMs,
    failures: context.failures.of(uid),
    settings: observer.settings(),
    queues: await observeQueues(
      { brokers: context.brokers, steady: observer.steady, emptyConfirmationMs: observer.emptyConfirmationMs },
      split,
      found.pods,
      goneAddresses(observer, split, found.pods),
    ),
    sessions: await Promise.all(
      sessions.map(async (session) => ({
        session,
        expired: await isExpired(observer, context, session),
        knownForMs: observer.steady.note(`${session.metadata.uid} known`, true).forMs,
      })),
    ),
  };
  return { ...observed, sessions: await resolveSessions(observer, observed, found) };
}

function referenceOf({ apiVersion, kind, name }: TargetReference): TargetReference {
  return { apiVersion, kind, name };
}

/** Deletion timestamps are of the API server's clock, and are compared with nobody's. */
function isLeaving(split: WorkloadSplit | undefined, namespace: { metadata: ObjectMeta } | undefined): boolean {
  return split?.metadata.deletionTimestamp !== undefined && namespace?.metadata.deletionTimestamp !== undefined;
}

/** From here on nothing patches pods any more, as far as one look tells. */
function isRestored(
  split: WorkloadSplit | undefined,
  webhook: Observed['webhook'],
  { target, pods }: ObservedWorkload,
): boolean {
  const isOver = split?.spec.phase === 'Restoring' || split?.spec.phase === 'Abandoned';
  const isUndone = isOver && !webhook.registered && target?.restartedAt === undefined;
  return isUndone && pods.every((pod) => pod.token === undefined);
}

/** Addresses of pods that were seen before and are gone now, and that no living pod of the target has. */
function goneAddresses(
  observer: ObserverOptions,
  split: WorkloadSplit | undefined,
  pods: readonly PodFact[],
): ReadonlySet<string> {
  if (!split) return new Set();
  return observer.steady.departed(
    `${split.metadata.uid} addresses`,
    pods.flatMap((pod) => pod.address ?? []),
  );
}

/** On the way back nobody may take an entry for gone because it could not be looked up: then nothing is decided at all. */
async function observeWebhook({ webhook }: ActContext, split: WorkloadSplit | undefined): Promise<Observed['webhook']> {
  if (split && !PATCHING_PHASES.has(split.spec.phase))
    return { registered: await webhook.isRegistered(split), problem: undefined, full: false };
  try {
    const registered = split !== undefined && (await webhook.isRegistered(split));
    if (registered) return { registered, problem: undefined, full: false };
    const noRoom = await webhook.noRoom(split);
    const problem = noRoom ?? (split && (await webhook.problem(split)));
    return { registered, problem, full: noRoom !== undefined };
  } catch (error) {
    return { registered: false, problem: toSplitterError(error).message, full: false };
  }
}

/** The cache may lag behind, so nobody is declared dead before the Lease itself was read. */
async function isExpired(
  { heartbeats, leaseVersion }: ObserverOptions,
  { client }: ActContext,
  session: SplitSession,
): Promise<boolean> {
  if (heartbeats.remainingMs(session, leaseVersion(session)) > 0) return false;
  const { name, namespace = '' } = session.metadata;
  const lease = await client.get<Lease>(LEASES, { name, namespace });
  return heartbeats.remainingMs(session, lease?.metadata.resourceVersion) <= 0;
}

/** Only sessions without routes are resolved, and only while they can still join. */
async function resolveSessions(
  observer: ObserverOptions,
  observed: Observed,
  found: ObservedWorkload,
): Promise<ObservedSession[]> {
  if (observed.split && !isOpen(observed.split)) return observed.sessions;
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
