// The ledger's life: plan what sessions need, create what is planned, retire and delete what nobody needs. Names are used once.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { LedgerEntry, WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';
import { growthOf, mayTry, removalOf, waitForRetry } from './failures.ts';
import type { Resolution } from './observed.ts';
import { planSession, withRoutes } from './plan.ts';
import { isRouted, wanting } from './sessions.ts';
import { bumped, entriesOfQueue, isAcknowledged, isProvisional, withState } from './spec.ts';
import { act, type SplitContext, type Step } from './step.ts';
import { waitsForSubscription } from './subscriptions.ts';

/** Ledger entries for every session that has not all of its own yet. One session that does not fit fails alone. */
export function planSessions({ observed, split, names }: SplitContext): Step {
  let spec = split.spec;
  for (const entry of wanting(observed)) {
    const { session, resolution } = entry;
    if (!resolution?.ok || isRouted(observed, session) || mustWait(spec, session, resolution.value)) continue;
    if (waitsForSubscription(observed, entry)) continue;
    const plan = planSession(spec, split.metadata.uid ?? '', session, resolution.value, names);
    if (!plan.ok) return act({ type: 'FailSession', session, problem: plan.problem });
    spec = plan.spec;
  }
  return spec === split.spec
    ? undefined
    : act({ type: 'WriteSpec', split, spec, why: 'planned what the sessions need' });
}

/** A queue that is just being taken back cannot be joined: it must be gone before the next one, with other names, is planned. */
function isLeaving(spec: WorkloadSplitSpec, key: string): boolean {
  const kept = entriesOfQueue(spec, key).filter((entry) => entry.role !== 'session' && entry.state !== 'Retired');
  return spec.queues.some((queue) => queue.key === key) && new Set(kept.map((entry) => entry.role)).size < 2;
}

function mustWait(spec: WorkloadSplitSpec, session: SplitSession, { queues }: Resolution): boolean {
  return hasNamesake(spec, session) || queues.some(({ key }) => isLeaving(spec, key));
}

/** One of its name was there before, lost its finalizer, and is still ending: its queues, which the ledger has by name, are not for this one. */
function hasNamesake({ queues }: WorkloadSplitSpec, { metadata }: SplitSession): boolean {
  return queues.some(({ routes }) =>
    routes.some((route) => route.session === metadata.name && route.sessionUid !== metadata.uid),
  );
}

/** Claims come first: nothing is made for an original that somebody else has split. What failed gets a pause and stops nothing else. */
export function createPlanned({ split, observed }: SplitContext): Step {
  const planned = split.spec.resources.filter((entry) => entry.state === 'Planned');
  const possible = planned.filter(
    (entry) => mayTry(observed, entry.name) && (entry.role === 'claim' || isClaimed(split.spec, entry.queue)),
  );
  const claims = possible.filter((entry) => entry.role === 'claim');
  const entries = claims.length > 0 ? claims : possible;
  if (entries.length > 0) return act({ type: 'CreateResources', split, entries });
  return waitForRetry(observed, planned.map(nameOf));
}

/** Nothing is forwarded from a new partition before every temporary topic has it. */
export function growOutgrown({ split, observed }: SplitContext): Step {
  const outgrown = new Set([...observed.queues.values()].flatMap((facts) => facts.outgrown));
  const late = split.spec.resources.filter(({ name, state }) => state === 'Created' && outgrown.has(name));
  const entries = late.filter(({ name }) => mayTry(observed, growthOf(name)));
  if (entries.length > 0) return act({ type: 'GrowTopics', split, entries });
  return waitForRetry(
    observed,
    late.map(({ name }) => growthOf(name)),
  );
}

function nameOf({ name }: LedgerEntry): string {
  return name;
}

function isClaimed(spec: WorkloadSplitSpec, key: string): boolean {
  return entriesOfQueue(spec, key).some((entry) => entry.role === 'claim' && entry.state === 'Created');
}

/** A session's routes appear together, once all of its queues exist. */
export function addRoutes({ observed, split }: SplitContext): Step {
  let spec = split.spec;
  for (const { session, resolution } of wanting(observed)) {
    if (!resolution?.ok || isRouted(observed, session) || hasNamesake(spec, session)) continue;
    spec = withRoutes(spec, session, resolution.value) ?? spec;
  }
  return spec === split.spec
    ? undefined
    : act({ type: 'WriteSpec', split, spec: bumped(spec), why: 'routes of new sessions' });
}

/** Routes of sessions that are over: first `ending`, gone when the forwarder has emptied their queues. Nobody else ever gets those. */
export function endRoutes({ observed, split }: SplitContext): Step {
  const alive = new Set(wanting(observed).map(({ session }) => session.metadata.uid));
  const returned = new Set(
    (split.status?.forwarder?.queues ?? []).flatMap((queue) =>
      (queue.returned ?? []).map((entry) => `${queue.key} ${entry.sessionUid}`),
    ),
  );
  let changed = false;
  const emptied = new Set<string | undefined>();
  const queues = split.spec.queues.map((queue) => ({
    ...queue,
    routes: queue.routes.flatMap((route) => {
      const over = !alive.has(route.sessionUid);
      const neverFed = queue.forwarding === 'Hold';
      const isEmptied = route.ending && isAcknowledged(split) && returned.has(`${queue.key} ${route.sessionUid}`);
      if (over && (neverFed || isEmptied)) {
        changed = true;
        emptied.add(route.destination.name).add(route.destination.group);
        return [];
      }
      if (!over || route.ending) return [route];
      changed = true;
      return [{ ...route, ending: true }];
    }),
  }));
  if (!changed) return undefined;
  const retired = withState({ ...split.spec, queues }, ({ name }) => emptied.has(name), 'Retired');
  return act({ type: 'WriteSpec', split, spec: bumped(retired), why: 'routes of sessions that ended' });
}

/** Retires entries of sessions that have no route any more, and everything of queues that no pod was ever told about. */
export function retireUnneeded({ observed, split }: SplitContext): Step {
  const { spec } = split;
  const alive = new Set(wanting(observed).map(({ session }) => session.metadata.name));
  const routed = new Set(spec.queues.flatMap((queue) => queue.routes.map((route) => route.session)));
  const unneeded = new Set(
    spec.queues
      .filter((queue) => isProvisional(spec, queue) && !wantedBySomebody(spec, queue.key, alive))
      .map((queue) => queue.key),
  );
  const goes = (entry: LedgerEntry): boolean =>
    entry.state !== 'Retired' &&
    (entry.role === 'session'
      ? !alive.has(entry.session ?? '') && !routed.has(entry.session ?? '')
      : unneeded.has(entry.queue));
  if (!spec.resources.some(goes)) return undefined;
  const retired = withState(spec, goes, 'Retired');
  return act({ type: 'WriteSpec', split, spec: bumped(retired), why: 'retired what no session needs' });
}

function wantedBySomebody(spec: WorkloadSplitSpec, key: string, alive: ReadonlySet<string>): boolean {
  return entriesOfQueue(spec, key).some((entry) => entry.role === 'session' && alive.has(entry.session ?? ''));
}

/** Retired entries are deleted when the forwarder has let go of them; claims go after the queues they protect. */
export function deleteRetired({ observed, split }: SplitContext): Step {
  const { spec } = split;
  const retired = spec.resources.filter((entry) => entry.state === 'Retired');
  const free = retired.filter((entry) => {
    const queue = spec.queues.find((candidate) => candidate.key === entry.queue);
    const untouched = queue === undefined || isProvisional(spec, queue);
    if (entry.role === 'claim') return entriesOfQueue(spec, entry.queue).every((other) => other.role === 'claim');
    return untouched || isAcknowledged(split);
  });
  const entries = free.filter((entry) => mayTry(observed, removalOf(entry.name)));
  if (entries.length > 0) return act({ type: 'DeleteResources', split, entries });
  const empty = spec.queues.filter((queue) => entriesOfQueue(spec, queue.key).length === 0);
  if (empty.length === 0) {
    return waitForRetry(
      observed,
      free.map((entry) => removalOf(entry.name)),
    );
  }
  const queues = spec.queues.filter((queue) => !empty.includes(queue));
  return act({
    type: 'WriteSpec',
    split,
    spec: bumped({ ...spec, queues }),
    why: 'forgot queues that have nothing left',
  });
}
