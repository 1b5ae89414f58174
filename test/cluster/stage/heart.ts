// The heartbeat of a session, as qsplit beats it, for sessions that a test makes with kubectl.
import { GROUP, SESSION_LABEL, VERSION } from '../../../api/constants.ts';
import { waitFor } from '../../testbed/wait.ts';
import { type PlayedSession, readSession } from './session.ts';
import type { Stage } from './stage.ts';

const BEAT_MS = 1_500;
const LONGEST_LIFE_MS = 10 * 60_000;

/** Beats until `stop`, which resolves to the time of the last beat: whoever is killed without goodbye stops like this. */
export async function startHeart(stage: Stage, session: PlayedSession): Promise<{ stop(): Promise<number> }> {
  const { name, namespace } = session;
  const uid = (await readSession(stage, name, namespace))?.metadata.uid;
  const owner = { apiVersion: `${GROUP}/${VERSION}`, kind: 'SplitSession', name, uid };
  const metadata = { name, namespace, labels: { [SESSION_LABEL]: name }, ownerReferences: [owner] };
  let lastBeat = 0;
  let stopped = false;
  const beat = async (): Promise<void> => {
    lastBeat = Date.now();
    const renewTime = new Date(lastBeat).toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: 'a-laptop', leaseDurationSeconds: 10, renewTime };
    await stage.cluster.apply([{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }]);
  };
  await beat();
  const beating = waitFor('the heart to be stopped', async () => stopped || beat().then(() => false), {
    deadlineMs: LONGEST_LIFE_MS,
    intervalMs: BEAT_MS,
  });
  // Whoever waits for `stop` hears of it.
  beating.catch(() => undefined);
  return {
    async stop() {
      stopped = true;
      await beating;
      return lastBeat;
    },
  };
}
