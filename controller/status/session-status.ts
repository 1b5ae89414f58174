// What a session's status says, from the facts: pure. One sentence for people, the environment for the local process, conditions for machines.
import { LIMITS } from '../../api/kinds/common.ts';
import type { SessionPhase, SplitSession, SplitSessionStatus } from '../../api/kinds/split-session.ts';
import { PATCHING_PHASES, type Route, type SplitQueue, type WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { shorten, shortList } from '../../common/text.ts';
import { sessionEnvironmentFor } from '../decide/environment.ts';
import type { Observed, ObservedSession } from '../decide/observed.ts';
import { wants } from '../decide/sessions.ts';
import { isAcknowledged, isOpen, reports } from '../decide/spec.ts';
import { listColumn, sentenceColumn } from './columns.ts';
import { type NewCondition, withConditions } from './conditions.ts';

/** Characters of the list of a session's queues in its sentence; all of them are in `status.queues`. */
const PLACES_WIDTH = 400;

type Progress = { phase: SessionPhase; message: string };

/** The status as it should be; one that has failed keeps saying why. */
export function sessionStatus(
  observed: Observed,
  entry: ObservedSession,
  waitingFor: string | undefined,
): SplitSessionStatus {
  const { session } = entry;
  const before = session.status ?? {};
  const routes = routesOf(observed.split, session);
  const progress = progressOf(observed, entry, routes, waitingFor);
  const { split } = observed;
  const isReady = progress.phase === 'Ready';
  const routeRemoved = !wants(observed, entry) && isRouteRemoved(split, routes);
  const conditions: NewCondition[] = [
    { type: 'Ready', status: isReady, reason: before.reason ?? progress.phase, message: progress.message },
    {
      type: 'RouteRemoved',
      status: routeRemoved,
      reason: routeRemoved ? 'Ended' : 'Routed',
      message: routeRemoved ? 'no message reaches this session any more' : 'messages may reach this session',
    },
  ];
  const now = new Date(observed.now).toISOString();
  return {
    ...before,
    phase: progress.phase,
    message: shorten(progress.message, LIMITS.text),
    startedAt: before.startedAt ?? now,
    ...(isReady ? { readyAt: before.readyAt ?? now } : {}),
    ...(routes.length > 0 ? { environment: environmentOf(session, routes), queues: queuesOf(split, routes) } : {}),
    ...(split && PATCHING_PHASES.has(split.spec.phase) && wants(observed, entry)
      ? { pods: patchedPods(observed, split) }
      : {}),
    summary: {
      queues: listColumn(session.spec.queues.map((queue) => queue.id)),
      detail: isReady ? '' : sentenceColumn(progress.message),
    },
    conditions: withConditions(before.conditions ?? [], conditions, session.metadata, observed.now),
  };
}

type Routed = { queue: SplitQueue; route: Route };

function routesOf(split: WorkloadSplit | undefined, session: SplitSession): Routed[] {
  return (split?.spec.queues ?? []).flatMap((queue) =>
    queue.routes.filter((route) => route.sessionUid === session.metadata.uid).map((route) => ({ queue, route })),
  );
}

function isRouteRemoved(split: WorkloadSplit | undefined, routes: readonly Routed[]): boolean {
  if (routes.length === 0) return true;
  return split !== undefined && routes.every(({ route }) => route.ending) && isAcknowledged(split);
}

function progressOf(
  observed: Observed,
  entry: ObservedSession,
  routes: readonly Routed[],
  waitingFor: string | undefined,
): Progress {
  const { session, resolution } = entry;
  const before = session.status?.phase;
  if (before === 'Failed') return { phase: 'Failed', message: session.status?.message ?? '' };
  if (!wants(observed, entry)) return { phase: 'Ending', message: endingMessage(observed, routes) };
  if (resolution?.ok === false) return { phase: 'Pending', message: resolution.problem.message };
  const { split } = observed;
  const target = `${observed.targetReference.kind} ${observed.targetReference.name}`;
  if (!split) return { phase: 'Pending', message: 'accepted' };
  if (!isOpen(split) && routes.length === 0)
    return {
      phase: 'Pending',
      message: `waits until ${target} is restored from its previous split: ${waitingFor ?? split.spec.phase}`,
    };
  if (routes.length === 0 || split.spec.phase === 'Preparing') {
    return { phase: 'Preparing', message: preparingMessage(observed) };
  }
  const unpatched = observed.pods.filter((pod) => pod.token === undefined).length;
  if (observed.forwarderAway) return { phase: 'CuttingOver', message: forwarderAwayMessage(split) };
  const isForwarded = routes.every(
    ({ queue }) => queue.forwarding === 'Forward' && reports(split, queue, 'Forwarding'),
  );
  if (isForwarded && (unpatched === 0 || before === 'Ready'))
    return { phase: 'Ready', message: `${readyMessage(split, routes)}${strayPods(unpatched)}` };
  if (before === 'Ready') return { phase: 'Ready', message: session.status?.message ?? '' };
  if (split.spec.phase === 'Patching') {
    const { patched } = patchedPods(observed, split);
    // Only the pods that have it: how many there are in all goes up and down while they are replaced.
    const so = `restarting ${observed.targetReference.name}: ${patched} ${patched === 1 ? 'pod' : 'pods'} patched`;
    return { phase: 'Restarting', message: waitingFor ? `${so}; ${waitingFor}` : so };
  }
  if (isForwarded) {
    const message = `${unpatched} of ${observed.pods.length} pods still read the original queue; they are being replaced`;
    return { phase: 'CuttingOver', message };
  }
  return { phase: 'CuttingOver', message: cuttingOverMessage(split, routes) };
}

function preparingMessage(observed: Observed): string {
  const failure = [...observed.failures.values()][0];
  return failure ? `temporary queues: ${failure.message}` : 'creating temporary queues';
}

function readyMessage(split: WorkloadSplit, routes: readonly Routed[]): string {
  const rivals = new Set(
    routes.flatMap(({ queue, route }) =>
      queue.routes
        .filter((other) => other.sessionUid !== route.sessionUid && !other.ending && other.startedAt <= route.startedAt)
        .map((other) => other.session),
    ),
  );
  const overlap =
    rivals.size > 0 ? `; a message that ${[...rivals].join(', ')} also matches goes there, they started first` : '';
  const places = shortList(
    routes.map(({ route }) => route.destination.name),
    PLACES_WIDTH,
  );
  return `messages that match the filters arrive in ${places}${overlap} (forwarder ${split.status?.forwarder?.holder ?? ''})`;
}

/** A session that works is not taken away for them. */
function strayPods(count: number): string {
  if (count === 0) return '';
  const pods = count === 1 ? '1 pod reads' : `${count} pods read`;
  return `; ${pods} the original queue, too, and may get some of them until replaced`;
}

function cuttingOverMessage(split: WorkloadSplit, routes: readonly Routed[]): string {
  const keys = new Set(routes.map(({ queue }) => queue.key));
  const said = (split.status?.forwarder?.queues ?? []).filter(
    (queue) => keys.has(queue.key) && queue.message !== undefined,
  );
  if (said.length > 0) return said.map((queue) => `${queue.key}: ${queue.message}`).join('; ');
  return split.status?.forwarder
    ? 'the forwarder takes over the queues'
    : 'no forwarder holds this split yet; are its pods running?';
}

function forwarderAwayMessage({ status }: WorkloadSplit): string {
  return `no forwarder is alive (the last one was ${status?.forwarder?.holder ?? 'unknown'}): all messages wait in the original queue until one comes back; see the forwarder's pods in the operator's namespace`;
}

function endingMessage(observed: Observed, routes: readonly Routed[]): string {
  if (routes.length === 0) return 'no message reaches this session any more';
  const moving = isRouteRemoved(observed.split, routes);
  return moving
    ? 'what was left in its queues is moved to the deployed target'
    : 'the routes of this session are being removed';
}

function patchedPods(observed: Observed, split: WorkloadSplit): { patched: number; total: number } {
  const patched = observed.pods.filter((pod) => pod.token === split.spec.token).length;
  return { patched, total: observed.pods.filter((pod) => !pod.terminating).length || observed.pods.length };
}

function environmentOf(
  session: SplitSession,
  routes: readonly Routed[],
): NonNullable<SplitSessionStatus['environment']> {
  const { container } = session.spec.target;
  const rendered = sessionEnvironmentFor(
    routes.map(({ queue }) => queue),
    (queue) => routes.find((entry) => entry.queue === queue)?.route.destination,
  );
  return rendered
    .filter((entry) => container === undefined || entry.container === container)
    .map((entry) => ({ container: entry.container, variable: entry.variable, value: entry.value }));
}

function queuesOf(
  split: WorkloadSplit | undefined,
  routes: readonly Routed[],
): NonNullable<SplitSessionStatus['queues']> {
  return routes.map(({ queue, route }) => {
    const cutOver = split?.status?.forwarder?.queues.find((entry) => entry.key === queue.key)?.cutOver;
    return {
      id: queue.id,
      kind: queue.kind,
      original: queue.original.url ?? queue.original.name,
      session: route.destination.url ?? route.destination.name,
      ...(cutOver === undefined ? {} : { cutOver }),
    };
  });
}
