// The Lease that keeps a session alive: named like it, owned by it, renewed while qsplit runs. A Lease and not a field of the session,
// so that a beat neither counts as a change of the session nor wakes everybody who watches sessions.
import { GROUP, SESSION_LABEL, VERSION } from '../../api/constants.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { type SplitterError, toSplitterError } from '../../common/errors.ts';
import { isNotFound } from '../../common/kube/api-error.ts';
import { microTime } from '../../common/kube/lease.ts';
import { LEASES } from '../../common/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../common/kube/types.ts';
import type { SessionReference } from './watch.ts';

/** How long silence may last unless told otherwise. */
export const HEARTBEAT_SECONDS = 45;
/** Ten seconds for the usual 45: four beats in a row may be lost. */
const BEATS_IN_TIME = 4.5;

export type HeartbeatLease = KubeObject & {
  spec: { holderIdentity: string; leaseDurationSeconds: number; acquireTime: string; renewTime: string };
};

function heartbeatLease({ session, holder, timeoutSeconds }: HeartbeatOptions, now: number): HeartbeatLease {
  const { name, namespace, uid } = session;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace,
      labels: { [SESSION_LABEL]: name },
      ownerReferences: [
        { apiVersion: `${GROUP}/${VERSION}`, kind: 'SplitSession' satisfies SplitSession['kind'], name, uid },
      ],
    },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: timeoutSeconds,
      acquireTime: microTime(now),
      renewTime: microTime(now),
    },
  };
}

export type HeartbeatOptions = {
  client: KubeClient;
  clock: Clock;
  session: SessionReference;
  holder: string;
  /** As the session promises it. */
  timeoutSeconds: number;
  /** The heart stops, and `beat` resolves, when this is aborted. */
  signal: AbortSignal;
  /** The API server has not answered for so long that the session has probably been ended. */
  onOverdue(silentMs: number): void;
};

/** Makes the Lease: the first beat. */
export async function firstBeat(options: HeartbeatOptions): Promise<void> {
  const { client, clock, signal } = options;
  await client.create(LEASES, heartbeatLease(options, clock.now()), { signal });
}

/**
 * Renews the Lease several times within its time. Resolves with the API server's refusal, or with undefined when stopped. An API server that does not
 * answer is no refusal: nobody can say yet what became of the session, and its queue is still its own.
 */
export async function beat(options: HeartbeatOptions): Promise<SplitterError | undefined> {
  const { clock, signal, timeoutSeconds } = options;
  const timeoutMs = timeoutSeconds * 1000;
  let answeredAt = clock.monotonic();
  let overdue = false;
  for (;;) {
    await pause(clock, timeoutMs / BEATS_IN_TIME, signal);
    if (signal.aborted) return undefined;
    try {
      await renew(options);
      answeredAt = clock.monotonic();
      overdue = false;
    } catch (error) {
      if (signal.aborted) return undefined;
      const refusal = toSplitterError(error, 'ApiUnreachable');
      if (!refusal.retryable && refusal.code !== 'ApiUnreachable') return refusal;
      const silentMs = clock.monotonic() - answeredAt;
      if (!overdue && silentMs >= timeoutMs) options.onOverdue(silentMs);
      overdue ||= silentMs >= timeoutMs;
    }
  }
}

async function renew(options: HeartbeatOptions): Promise<void> {
  const { client, clock, session, signal } = options;
  const { name, namespace } = session;
  const patch = { spec: { renewTime: microTime(clock.now()) } };
  try {
    await client.mergePatch(LEASES, { name, namespace }, patch, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // Somebody removed the Lease and not the session: a fresh one keeps it alive. With its session gone, the collector removes it.
    await firstBeat(options);
  }
}
