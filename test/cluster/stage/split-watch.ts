// The split's object as `kubectl get` prints it, each time that its phase has changed.
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { waitFor } from '../../testbed/wait.ts';
import type { Stage } from './stage.ts';

const LONGEST_PLAY_MS = 24 * 3_600_000;

/** Runs until `signal`. `onChange` gets the phase (empty: there is no split) and the two lines of kubectl. Never rejects. */
export async function watchSplit(
  stage: Stage,
  onChange: (phase: string, printed: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let known = '';
  const look = async () => {
    const printed = await stage.cluster.kubectl(['get', 'workloadsplits', '-n', SHOP_NAMESPACE, '--ignore-not-found']);
    const phase = phaseOf(printed);
    if (phase !== known) onChange(phase, printed.trimEnd());
    known = phase;
    return false;
  };
  await waitFor('the end of the play', look, { deadlineMs: LONGEST_PLAY_MS, intervalMs: 500, signal }).catch(
    () => undefined,
  );
}

/** The columns begin with NAME, TARGET and PHASE. */
function phaseOf(printed: string): string {
  const row = printed.split('\n').find((line) => line.includes(ORDERS_WORKER));
  return row?.split(/\s+/)[2] ?? '';
}
