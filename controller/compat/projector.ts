// Keeps MirrordSqsSessions and sessions in step, so that the commands of mirrord's guide work verbatim: one is shown for every session with
// SQS queues, deleting it ends the session, and one that somebody creates is adopted. It decides nothing about queues.
import { isDeepStrictEqual } from 'node:util';
import { FINALIZER, PROJECTED_LABEL } from '../../api/constants.ts';
import { LIMITS } from '../../api/kinds/common.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { SqsSession } from '../../api/kinds/sqs-session.ts';
import { type Clock, untilAborted } from '../../common/clock.ts';
import { toSplitterError } from '../../common/errors.ts';
import { ignoreMissing } from '../../common/kube/api-error.ts';
import { parseKey } from '../../common/kube/keys.ts';
import { Reflector } from '../../common/kube/reflector.ts';
import { SPLIT_SESSIONS, SQS_SESSIONS } from '../../common/kube/resources.ts';
import type { KubeClient, ObjectName } from '../../common/kube/types.ts';
import { WorkQueue } from '../../common/kube/work-queue.ts';
import type { Log } from '../../common/log.ts';
import { shorten } from '../../common/text.ts';
import {
  belongTogether,
  isAdopted,
  isShowable,
  refusal,
  toSplitSession,
  toSqsSession,
  toSqsStatus,
} from './sqs-session.ts';

export type SessionProjector = {
  /** Resolves when the signal aborts and everything has stopped. */
  start(sessions: Reflector<SplitSession>, signal: AbortSignal): Promise<void>;
};

/** Where the chart was installed without SQS there is no such kind. */
export const NO_PROJECTOR: SessionProjector = { start: () => Promise.resolve() };

export function createProjector(client: KubeClient, clock: Clock, log: Log): SessionProjector {
  return {
    async start(sessions, signal) {
      const shown = new Reflector<SqsSession>({ client, resource: SQS_SESSIONS, log, clock });
      const queue = new WorkQueue({
        name: 'sqs-sessions',
        clock,
        log,
        maxDelayMs: 15_000,
        process: (key) => project(client, parseKey(key)).then(() => undefined),
      });
      const ends = [sessions.onChange(({ key }) => queue.add(key)), shown.onChange(({ key }) => queue.add(key))];
      shown.start();
      try {
        await Promise.all([sessions.waitForSync(signal), shown.waitForSync(signal)]);
        queue.start();
        await untilAborted(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        for (const end of ends) end();
        await queue.shutdown();
        await shown.stop();
      }
    },
  };
}

/** Brings the two objects of one name into step. */
export async function project(client: KubeClient, name: ObjectName): Promise<void> {
  // In this order: what a session was made from was there before it, so if it is not there now it is gone.
  const session = await client.get<SplitSession>(SPLIT_SESSIONS, name);
  const shown = await client.get<SqsSession>(SQS_SESSIONS, name);
  if (!shown) return session && isLive(session) ? await withoutObject(client, name, session) : undefined;
  if (!session || !belongTogether(session, shown)) return await withoutSession(client, name, shown, session);
  if (!isLive(shown)) {
    if (isLive(session)) await client.delete(SPLIT_SESSIONS, name, uidOf(session));
    return;
  }
  if (!isGuarded(shown)) return await guard(client, name, shown);
  const status = toSqsStatus(session);
  if (!isDeepStrictEqual(withoutNulls(status), shown.status)) await tell(client, name, shown, status);
}

/** What it was made from may have been deleted before it had our finalizer. */
async function withoutObject(client: KubeClient, name: ObjectName, session: SplitSession): Promise<void> {
  if (isAdopted(session)) await client.delete(SPLIT_SESSIONS, name, uidOf(session));
  else if (isShowable(session)) await client.create(SQS_SESSIONS, toSqsSession(session));
}

/** Its session is over, or never was: a projection goes, a deletion is let through, and what a user made is adopted. */
async function withoutSession(
  client: KubeClient,
  name: ObjectName,
  shown: SqsSession,
  other: SplitSession | undefined,
): Promise<void> {
  if (!isLive(shown)) {
    if (isGuarded(shown)) await setFinalizers(client, name, shown, (entry) => entry !== FINALIZER);
    return;
  }
  const isProjection = shown.metadata.labels?.[PROJECTED_LABEL] === 'true';
  if (isProjection || isGuarded(shown)) {
    await client.delete(SQS_SESSIONS, name, uidOf(shown));
    return;
  }
  const problem = other ? `there is a SplitSession ${name.name} already; choose another name` : refusal(shown);
  if (problem === undefined) await adopt(client, name, shown);
  else await refuse(client, name, shown, problem);
}

async function adopt(client: KubeClient, name: ObjectName, shown: SqsSession): Promise<void> {
  try {
    await client.create(SPLIT_SESSIONS, toSplitSession(shown));
  } catch (error) {
    const { retryable, message } = toSplitterError(error);
    if (retryable) throw error;
    return await refuse(client, name, shown, message);
  }
  await guard(client, name, shown);
}

async function refuse(client: KubeClient, name: ObjectName, shown: SqsSession, problem: string): Promise<void> {
  const status = { StartError: { statusCode: 400, reason: shorten(problem, LIMITS.text) } };
  if (!isDeepStrictEqual(shown.status, status)) await tell(client, name, shown, status);
}

/** Conditional: an object of that name that came in between is not about this. */
async function tell(
  client: KubeClient,
  name: ObjectName,
  { metadata: { resourceVersion } }: SqsSession,
  status: object,
): Promise<void> {
  const patch = { metadata: { resourceVersion }, status };
  await ignoreMissing(client.mergePatch(SQS_SESSIONS, name, patch, { subresource: 'status' }));
}

/** From here on a deletion waits until the session has ended. */
async function guard(client: KubeClient, name: ObjectName, shown: SqsSession): Promise<void> {
  await setFinalizers(client, name, shown, () => true, FINALIZER);
}

async function setFinalizers(
  client: KubeClient,
  name: ObjectName,
  { metadata: { resourceVersion, finalizers = [] } }: SqsSession,
  keep: (finalizer: string) => boolean,
  ...added: string[]
): Promise<void> {
  const patch = { metadata: { resourceVersion, finalizers: [...finalizers.filter(keep), ...added] } };
  await ignoreMissing(client.mergePatch(SQS_SESSIONS, name, patch));
}

function isGuarded({ metadata }: SqsSession): boolean {
  return metadata.finalizers?.includes(FINALIZER) === true;
}

function isLive({ metadata }: SplitSession | SqsSession): boolean {
  return metadata.deletionTimestamp === undefined;
}

function uidOf({ metadata }: SplitSession | SqsSession): { uid?: string } {
  return metadata.uid === undefined ? {} : { uid: metadata.uid };
}

function withoutNulls(status: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== null));
}
