// What a session adds to a split: queues, ledger entries and, once all of them exist, its routes. Pure; names come from outside.
import type { QueueKind } from '../../api/kinds/common.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type {
  EnvironmentVariable,
  LedgerEntry,
  QueueLocation,
  QueueVariable,
  Route,
  SplitQueue,
  WorkloadSplitSpec,
} from '../../api/kinds/workload-split.ts';
import { environmentFor } from './environment.ts';
import type { Problem, Resolution, ResolvedQueue } from './observed.ts';
import { isProvisional } from './spec.ts';

/** Where names come from; temporary names hold random digits and are used once in their life. */
export type Names = {
  temporaryQueue(kind: QueueKind, original: string, role: 'fallback' | 'session'): string;
  temporaryGroup(original: string): string;
  claim(kind: QueueKind, identity: string): string;
  transactionalIdPrefix(splitUid: string, key: string): string;
  token(splitUid: string, environment: readonly EnvironmentVariable[]): string;
};

/** Transactional producers of one Kafka queue; fixed for the split's life (kafka-notes C14). */
const PRODUCERS = 4;

export type Plan = { ok: true; spec: WorkloadSplitSpec } | { ok: false; problem: Problem };

/** Adds what is missing for this session, all of it Planned. The same spec comes back when nothing is. */
export function planSession(
  spec: WorkloadSplitSpec,
  splitUid: string,
  session: SplitSession,
  resolution: Resolution,
  names: Names,
): Plan {
  let next = spec;
  for (const resolved of resolution.queues) {
    const conflict = conflictWith(next, resolved);
    if (conflict) return { ok: false, problem: conflict };
    if (!next.queues.some((queue) => queue.key === resolved.key)) next = withQueue(next, splitUid, resolved, names);
    if (!sessionEntry(next, session, resolved.key)) next = withSessionEntries(next, session, resolved, names);
  }
  if (next === spec) return { ok: true, spec };
  const settings = {
    ...next.settings,
    ttlSeconds: Math.max(next.settings.ttlSeconds, resolution.ttlSeconds),
    restartTimeoutSeconds: Math.max(next.settings.restartTimeoutSeconds, resolution.restartTimeoutSeconds),
  };
  return { ok: true, spec: { ...next, settings } };
}

function conflictWith(spec: WorkloadSplitSpec, resolved: ResolvedQueue): Problem | undefined {
  const running = spec.queues.find((queue) => queue.key === resolved.key);
  if (running && !sameLocation(running.original, resolved.original)) {
    return {
      code: 'InvalidConfig',
      retryable: false,
      message: `queue id ${resolved.id} now names ${resolved.original.name}, but the running split of this target reads ${running.original.name}; end the other sessions and start again`,
    };
  }
  const twin = spec.queues.find(
    (queue) => queue.key !== resolved.key && sameLocation(queue.original, resolved.original),
  );
  if (twin) {
    return {
      code: 'InvalidConfig',
      retryable: false,
      message: `queue ids ${twin.id} and ${resolved.id} both name ${resolved.original.name}; one queue can be split under one id only`,
    };
  }
  const changed = changedVariable(spec, resolved);
  if (!changed) return undefined;
  return {
    code: 'InvalidConfig',
    retryable: false,
    message: `variable ${changed.variable} of container ${changed.container} has another value than when the running split of this target began; end the other sessions and start again`,
  };
}

/** The pods of a running split were told what became of the old value; the new one may name queues that they know nothing of. */
function changedVariable(spec: WorkloadSplitSpec, resolved: ResolvedQueue): QueueVariable | undefined {
  const known = spec.queues.flatMap((queue) => queue.variables);
  return resolved.variables.find(({ container, variable, original }) =>
    known.some((other) => other.container === container && other.variable === variable && other.original !== original),
  );
}

function sameLocation(one: QueueLocation, other: QueueLocation): boolean {
  return one.name === other.name && one.url === other.url && one.topicId === other.topicId && one.group === other.group;
}

function withQueue(
  spec: WorkloadSplitSpec,
  splitUid: string,
  resolved: ResolvedQueue,
  names: Names,
): WorkloadSplitSpec {
  const fallback = names.temporaryQueue(resolved.kind, resolved.original.name, 'fallback');
  const { group } = resolved.original;
  const queue: SplitQueue = {
    key: resolved.key,
    id: resolved.id,
    kind: resolved.kind,
    connection: resolved.connection,
    variables: resolved.variables,
    groupVariables: resolved.groupVariables,
    tags: resolved.tags,
    original: resolved.original,
    fallback: { name: fallback, ...(group === undefined ? {} : { group }) },
    routes: [],
    forwarding: 'Hold',
    ...(resolved.kind === 'Kafka'
      ? { transactionalIdPrefix: names.transactionalIdPrefix(splitUid, resolved.key), producers: PRODUCERS }
      : {}),
  };
  const claim: LedgerEntry = {
    kind: 'Claim',
    name: names.claim(resolved.kind, resolved.identity),
    role: 'claim',
    queue: resolved.key,
    state: 'Planned',
  };
  const entry: LedgerEntry = {
    kind: queueEntryKind(resolved.kind),
    name: fallback,
    role: 'fallback',
    queue: resolved.key,
    state: 'Planned',
  };
  return { ...spec, queues: [...spec.queues, queue], resources: [...spec.resources, claim, entry] };
}

function withSessionEntries(
  spec: WorkloadSplitSpec,
  session: SplitSession,
  resolved: ResolvedQueue,
  names: Names,
): WorkloadSplitSpec {
  const common = { role: 'session', queue: resolved.key, session: session.metadata.name, state: 'Planned' } as const;
  const queue: LedgerEntry = {
    ...common,
    kind: queueEntryKind(resolved.kind),
    name: names.temporaryQueue(resolved.kind, resolved.original.name, 'session'),
  };
  const groups: LedgerEntry[] =
    resolved.original.group === undefined
      ? []
      : [{ ...common, kind: 'KafkaGroup', name: names.temporaryGroup(resolved.original.group) }];
  return { ...spec, resources: [...spec.resources, ...groups, queue] };
}

function queueEntryKind(kind: QueueKind): LedgerEntry['kind'] {
  return kind === 'SQS' ? 'SqsQueue' : 'KafkaTopic';
}

/** What was retired is nobody's any more: names are used once. */
export function sessionEntry(spec: WorkloadSplitSpec, session: SplitSession, key: string): LedgerEntry | undefined {
  return entriesOfSession(spec, session.metadata.name, key).find((entry) => entry.kind !== 'KafkaGroup');
}

/** The group of a session's own reader, as the ledger has it. */
export function sessionGroup(spec: WorkloadSplitSpec, session: string, key: string): string | undefined {
  return entriesOfSession(spec, session, key).find((entry) => entry.kind === 'KafkaGroup')?.name;
}

function entriesOfSession(spec: WorkloadSplitSpec, session: string, key: string): LedgerEntry[] {
  return spec.resources.filter(
    (entry) => entry.session === session && entry.queue === key && entry.state !== 'Retired',
  );
}

/** All routes of the session at once, or undefined while something of it does not exist yet: a session is Ready as a whole. */
export function withRoutes(
  spec: WorkloadSplitSpec,
  session: SplitSession,
  resolution: Resolution,
): WorkloadSplitSpec | undefined {
  const routes = new Map<string, Route>();
  for (const resolved of resolution.queues) {
    const entry = sessionEntry(spec, session, resolved.key);
    const shared = spec.resources.filter((other) => other.queue === resolved.key && other.role !== 'session');
    if (entry?.state !== 'Created' || shared.some((other) => other.state !== 'Created')) return undefined;
    const group = sessionGroup(spec, session.metadata.name, resolved.key);
    routes.set(resolved.key, {
      session: session.metadata.name,
      sessionUid: session.metadata.uid ?? '',
      filter: resolved.filter,
      mode: 'steal',
      destination: {
        name: entry.name,
        ...(entry.url === undefined ? {} : { url: entry.url }),
        ...(entry.topicId === undefined ? {} : { topicId: entry.topicId }),
        ...(group === undefined ? {} : { group }),
      },
      startedAt: session.metadata.creationTimestamp ?? '',
      ending: false,
    });
  }
  const queues = spec.queues.map((queue) => {
    const route = routes.get(queue.key);
    return route ? { ...queue, routes: [...queue.routes, route] } : queue;
  });
  return { ...spec, queues };
}

/** What the target's pods must be told now: every fallback that they know, and those of queues that a session has all it needs of. */
export function podEnvironment(spec: WorkloadSplitSpec): EnvironmentVariable[] {
  return environmentFor(queuesToTell(spec), (queue) => queue.fallback);
}

export function queuesToTell(spec: WorkloadSplitSpec): SplitQueue[] {
  return spec.queues.filter((queue) => queue.routes.length > 0 || !isProvisional(spec, queue));
}
