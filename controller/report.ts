// Writes statuses where they differ from what is there. A report, never read back for a decision, and never an answer to itself: what
// it writes depends on the facts alone, so that the event of its own write finds nothing to change.
import { isDeepStrictEqual } from 'node:util';
import type { SplitSession, SplitSessionStatus } from '../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import type { SplitterError } from '../common/errors.ts';
import { ignoreMissing, isLostRace } from '../common/kube/api-error.ts';
import { nameOf } from '../common/kube/keys.ts';
import { SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { ActContext } from './act/context.ts';
import type { Decision, Observed } from './decide/observed.ts';
import { sessionStatus } from './status/session-status.ts';
import { splitStatus } from './status/split-status.ts';

/** `failure`: what went wrong with the actions of this decision. */
export async function report(
  act: ActContext,
  observed: Observed,
  decision: Decision,
  failure: SplitterError | undefined,
): Promise<void> {
  // What was decided on was not so any more, or may not be: whatever it said would be undone at once, but not before it was believed.
  if (isLostRace(failure) || !act.isLeading()) return;
  const waitingFor = failure?.message ?? decision.waitingFor;
  const isActing = decision.actions.length > 0 && failure === undefined;
  // These were just written to; the next look, which comes at once, says the rest.
  const touched = new Set(
    decision.actions.flatMap((action) => ('session' in action ? [action.session.metadata.uid] : [])),
  );
  for (const entry of observed.sessions) {
    if (touched.has(entry.session.metadata.uid)) continue;
    const status = sessionStatus(observed, entry, waitingFor);
    // Between two actions only a new phase is news; the sentence comes with the next pause, and does not flicker.
    if (!isActing || status.phase !== entry.session.status?.phase) await reportSession(act, entry.session, status);
  }
  if (observed.split && !isActing) await reportSplit(act, observed, observed.split, waitingFor);
}

/** Conditional: a controller that slept must not put an old status over one that says why the session failed. */
async function reportSession(
  { client, announce }: ActContext,
  session: SplitSession,
  status: SplitSessionStatus,
): Promise<void> {
  if (isDeepStrictEqual(status, session.status)) return;
  const { resourceVersion } = session.metadata;
  try {
    const patch = { metadata: { resourceVersion }, status };
    await client.mergePatch<SplitSession>(SPLIT_SESSIONS, nameOf(session), patch, { subresource: 'status' });
  } catch (error) {
    if (isLostRace(error)) return;
    throw error;
  }
  if (status.phase !== undefined && status.phase !== session.status?.phase) {
    announce(session, 'Normal', status.phase, status.message ?? status.phase);
  }
}

/** Not conditional: the forwarder writes its own part of the status all the time. */
async function reportSplit(
  { client }: ActContext,
  observed: Observed,
  split: WorkloadSplit,
  waitingFor: string | undefined,
): Promise<void> {
  const status = splitStatus(observed, split, waitingFor);
  const before = Object.fromEntries(
    Object.keys(status).map((key) => [key, (split.status as Record<string, unknown> | undefined)?.[key]]),
  );
  if (isDeepStrictEqual(status, before)) return;
  await ignoreMissing(
    client.mergePatch<WorkloadSplit>(WORKLOAD_SPLITS, nameOf(split), { status }, { subresource: 'status' }),
  );
}
