// What is written to sessions: finalizer, failure, deletion. The filter and everything else of the spec is the user's.
import { FINALIZER } from '../../api/constants.ts';
import { LIMITS } from '../../api/kinds/common.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { ignoreMissing } from '../../common/kube/api-error.ts';
import { nameOf } from '../../common/kube/keys.ts';
import { SPLIT_SESSIONS } from '../../common/kube/resources.ts';
import { shorten } from '../../common/text.ts';
import type { Problem } from '../decide/observed.ts';
import { withConditions } from '../status/conditions.ts';
import type { ActContext } from './context.ts';

export async function addSessionFinalizer({ client }: ActContext, session: SplitSession): Promise<void> {
  await client.mergePatch(SPLIT_SESSIONS, nameOf(session), {
    metadata: {
      resourceVersion: session.metadata.resourceVersion,
      finalizers: [...(session.metadata.finalizers ?? []), FINALIZER],
    },
  });
}

export async function releaseSession({ client }: ActContext, session: SplitSession): Promise<void> {
  const finalizers = (session.metadata.finalizers ?? []).filter((entry) => entry !== FINALIZER);
  await ignoreMissing(
    client.mergePatch(SPLIT_SESSIONS, nameOf(session), {
      metadata: { resourceVersion: session.metadata.resourceVersion, finalizers },
    }),
  );
}

export async function failSession(context: ActContext, session: SplitSession, problem: Problem): Promise<void> {
  await writeProblem(context, session, problem);
  context.announce(session, 'Warning', problem.code, problem.message);
}

/** A session that has failed keeps the reason that it failed for. */
export async function deleteSession(context: ActContext, session: SplitSession, problem: Problem): Promise<void> {
  if (session.status?.phase !== 'Failed') await failSession(context, session, problem);
  await context.client.delete(
    SPLIT_SESSIONS,
    nameOf(session),
    session.metadata.uid ? { uid: session.metadata.uid } : {},
  );
}

/** Conditional: a session of the same name that came later has not failed. */
async function writeProblem({ client, now }: ActContext, session: SplitSession, problem: Problem): Promise<void> {
  const conditions = withConditions(
    session.status?.conditions ?? [],
    [{ type: 'Ready', status: false, reason: problem.code, message: problem.message }],
    session.metadata,
    now(),
  );
  await ignoreMissing(
    client.mergePatch(
      SPLIT_SESSIONS,
      nameOf(session),
      {
        metadata: { resourceVersion: session.metadata.resourceVersion },
        status: {
          phase: 'Failed',
          reason: problem.code,
          message: shorten(problem.message, LIMITS.text),
          endedAt: new Date(now()).toISOString(),
          conditions,
        },
      },
      { subresource: 'status' },
    ),
  );
}
