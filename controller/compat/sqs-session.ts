// Between our SplitSession and mirrord's MirrordSqsSession: pure translations in both directions.
import { createHash } from 'node:crypto';
import {
  ADOPTED_ANNOTATION,
  FINALIZER,
  GROUP,
  MIRRORD_GROUP,
  MIRRORD_VERSION,
  PROJECTED_LABEL,
  VERSION,
} from '../../api/constants.ts';
import type { TargetReference } from '../../api/kinds/common.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { SqsSession, SqsSessionStatus } from '../../api/kinds/sqs-session.ts';

/** API versions by kind of workload; a MirrordSqsSession names only the kind. */
const API_VERSIONS: Readonly<Record<TargetReference['kind'], string>> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  Rollout: 'argoproj.io/v1alpha1',
};

/** It has SQS queues, and mirrord has a word for its target: the enumeration of its own definition has no StatefulSet. */
export function isShowable({ spec }: SplitSession): boolean {
  return spec.queues.some((queue) => queue.kind === 'SQS') && spec.target.kind !== 'StatefulSet';
}

/** Somebody's MirrordSqsSession was there before it. */
export function isAdopted({ metadata }: SplitSession): boolean {
  return metadata.annotations?.[ADOPTED_ANNOTATION] !== undefined;
}

/** What the guide's commands list and delete. Its finalizer lets a deletion end the session before the object is gone. */
export function toSqsSession(session: SplitSession): SqsSession {
  const { name, namespace, uid } = session.metadata;
  const { target, queues } = session.spec;
  return {
    apiVersion: `${MIRRORD_GROUP}/${MIRRORD_VERSION}`,
    kind: 'MirrordSqsSession',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { [PROJECTED_LABEL]: 'true' },
      finalizers: [FINALIZER],
    },
    spec: {
      sessionId: sessionIdOf(uid),
      queueConsumer: {
        name: target.name,
        workloadType: target.kind === 'Rollout' ? 'Rollout' : 'Deployment',
        ...(target.container === undefined ? {} : { container: target.container }),
      },
      queueFilters: Object.fromEntries(
        queues.filter((queue) => queue.kind === 'SQS').map((queue) => [queue.id, queue.filter]),
      ),
    },
  };
}

function sessionIdOf(uid = ''): string {
  return createHash('sha256').update(uid).digest('hex').slice(0, 16).toUpperCase();
}

/** Names come again: whether it shows this very session, or this session was made from it. */
export function belongTogether(session: SplitSession, shown: SqsSession): boolean {
  const isProjection = shown.metadata.labels?.[PROJECTED_LABEL] === 'true';
  return isProjection
    ? shown.spec.sessionId === sessionIdOf(session.metadata.uid)
    : session.metadata.annotations?.[ADOPTED_ANNOTATION] === shown.metadata.uid;
}

/** Exactly one field is set, the others are taken out of what a merge patch finds. */
export function toSqsStatus(session: SplitSession): Record<keyof SqsSessionStatus, unknown> {
  const none = { Starting: null, RegisteringFilters: null, Ready: null, StartError: null, CleanupError: null };
  const { status } = session;
  if (status?.phase === 'Failed') {
    return { ...none, StartError: { statusCode: 400, reason: status.message ?? status.reason ?? 'failed' } };
  }
  // Also while it ends: mirrord has no word for that.
  if (status?.readyAt === undefined)
    return { ...none, Starting: { start_time_utc: session.metadata.creationTimestamp ?? '' } };
  const queues = (status.queues ?? [])
    .filter(({ kind }) => kind === 'SQS')
    .map(({ id, original, session: own }) => ({ id, originalName: lastPart(original), outputName: lastPart(own) }));
  const queueNames = queues.map(({ id, originalName, outputName }) => {
    const isOneOfSeveral = queues.filter((other) => other.id === id).length > 1;
    return [isOneOfSeveral ? `${id}::${originalName}` : id, { originalName, outputName }];
  });
  const updates = (status.environment ?? []).flatMap(({ variable, value }) => {
    const queue = queues.find(({ outputName }) => value.includes(outputName));
    return queue === undefined ? [] : [[variable, { originalName: queue.originalName, outputName: value }]];
  });
  return { ...none, Ready: { queueNames: Object.fromEntries(queueNames), envUpdates: Object.fromEntries(updates) } };
}

/** Of a queue's URL its name. */
function lastPart(place: string): string {
  return place.slice(place.lastIndexOf('/') + 1);
}

/** A MirrordSqsSession that somebody created by hand, as a session of ours of the same name. */
export function toSplitSession({ metadata, spec }: SqsSession): SplitSession {
  const { name, workloadType, container } = spec.queueConsumer;
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: 'SplitSession',
    metadata: {
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      annotations: { [ADOPTED_ANNOTATION]: metadata.uid ?? '' },
    },
    spec: {
      target: {
        apiVersion: API_VERSIONS[workloadType],
        kind: workloadType,
        name,
        ...(container ? { container } : {}),
      },
      queues: Object.entries(spec.queueFilters).map(([id, filter]) => ({ id, kind: 'SQS', filter, mode: 'steal' })),
    },
  };
}

/** Why a MirrordSqsSession cannot be adopted; undefined = it can. */
export function refusal({ spec }: SqsSession): string | undefined {
  const programs = Object.keys(spec.queueJqFilters ?? {});
  if (programs.length > 0) return `queueJqFilters are not supported yet (${programs.join(', ')}); use queueFilters`;
  if (Object.keys(spec.queueFilters).length === 0) return 'queueFilters names no queue';
  return undefined;
}
