// Makes a SplitSession and its heartbeat: both or neither. Whatever fails on the way, no session stays behind.
import { GROUP, VERSION } from '../../api/constants.ts';
import type { SplitSession, SplitSessionSpec } from '../../api/kinds/split-session.ts';
import { toSplitterError } from '../../common/errors.ts';
import { SPLIT_SESSIONS } from '../../common/kube/resources.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import { firstBeat, type HeartbeatOptions } from './heartbeat.ts';
import type { SessionReference } from './watch.ts';

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 6;
/** Leaves room for prefix and suffix in an SQS queue name (80 characters) and a label value (63). */
const STEM_LENGTH = 24;

/** `Alice Smith` → `alice-smith-x7k2p9`: a DNS label that people recognise and that nobody else has. */
export function sessionName(key: string, randomBytes: (count: number) => Uint8Array): string {
  const stem = key
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, STEM_LENGTH)
    .replace(/^-+|-+$/g, '');
  const suffix = [...randomBytes(SUFFIX_LENGTH)].map((byte) => SUFFIX_ALPHABET[byte % SUFFIX_ALPHABET.length]).join('');
  return `${stem === '' ? 'session' : stem}-${suffix}`;
}

export type SessionPlan = {
  name: string;
  namespace: string;
  target: SplitSessionSpec['target'];
  queues: SplitSessionSpec['queues'];
  sessionKey: string;
  heartbeatSeconds: number;
};

function sessionObject(plan: SessionPlan): SplitSession {
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: 'SplitSession',
    metadata: { name: plan.name, namespace: plan.namespace },
    spec: {
      target: plan.target,
      queues: plan.queues,
      sessionKey: plan.sessionKey,
      heartbeat: { timeoutSeconds: plan.heartbeatSeconds },
    },
  };
}

export function referenceOf(session: SplitSession): SessionReference {
  const { name, namespace = '', uid = '' } = session.metadata;
  return { name, namespace, uid };
}

/** Rejects with the API server's refusal of either object; then none of them is left. */
export async function createSession(
  plan: SessionPlan,
  heartbeat: Omit<HeartbeatOptions, 'session' | 'timeoutSeconds'>,
): Promise<SplitSession> {
  const { client } = heartbeat;
  const name = { name: plan.name, namespace: plan.namespace };
  let session: SplitSession;
  try {
    session = await client.create(SPLIT_SESSIONS, sessionObject(plan));
  } catch (error) {
    // No answer is not "not created". The name is random, and nobody said that another session has it.
    if (toSplitterError(error).code === 'ApiUnreachable') await removeQuietly(client, name);
    throw error;
  }
  try {
    await firstBeat({ ...heartbeat, session: referenceOf(session), timeoutSeconds: plan.heartbeatSeconds });
  } catch (error) {
    await removeQuietly(client, name);
    throw error;
  }
  return session;
}

/** What failed first is what people must hear of; a session that cannot be removed either ends by its heartbeat. */
async function removeQuietly(client: KubeClient, name: { name: string; namespace: string }): Promise<void> {
  await client.delete(SPLIT_SESSIONS, name).catch(() => undefined);
}
