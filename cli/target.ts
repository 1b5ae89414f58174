// The deployed workload that a session wants: how people write it, whether it is there, and whether the session will restart it.
import type { TargetReference } from '../api/kinds/common.ts';
import type { SessionQueue, SplitSessionSpec } from '../api/kinds/split-session.ts';
import { PATCHING_PHASES, type WorkloadSplit } from '../api/kinds/workload-split.ts';
import { SplitterError } from '../common/errors.ts';
import { DEPLOYMENTS, STATEFUL_SETS, WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../common/kube/types.ts';
import { splitName } from '../common/naming/kubernetes.ts';

const ROLLOUTS: Resource = { group: 'argoproj.io', version: 'v1alpha1', plural: 'rollouts', namespaced: true };

const RESOURCES: Readonly<Record<TargetReference['kind'], Resource>> = {
  Deployment: DEPLOYMENTS,
  StatefulSet: STATEFUL_SETS,
  Rollout: ROLLOUTS,
};

type Workload = KubeObject & { spec?: { replicas?: number }; status?: { replicas?: number } };

/** `deployment/orders-worker`, as in mirrord.json and for `--target`. */
export function targetPath(target: TargetReference): string {
  return `${target.kind.toLowerCase()}/${target.name}`;
}

/** What a session is going to do to the target's pods. `pods` is undefined when we may not look. */
type RestartOutlook = { restart: 'none' | 'possible' | 'certain'; pods: number | undefined; because: string };

/** Pure. No split: every pod restarts. A split that patches already: only what it does not cover yet. */
export function restartOutlook(
  split: WorkloadSplit | undefined,
  queues: readonly SessionQueue[],
  workload: Workload | undefined,
): RestartOutlook {
  const pods = workload === undefined ? undefined : (workload.status?.replicas ?? workload.spec?.replicas ?? 1);
  if (pods === 0) return { restart: 'none', pods, because: 'it has no pods' };
  if (split === undefined) return { restart: 'certain', pods, because: 'it is not split yet' };
  const { phase, queues: covered } = split.spec;
  if (!PATCHING_PHASES.has(phase)) return { restart: 'certain', pods, because: `its split is ${phase}` };
  const isCovered = (queue: SessionQueue) => covered.some(({ id, kind }) => id === queue.id && kind === queue.kind);
  const missing = queues.filter((queue) => queue.id !== '*' && !isCovered(queue));
  if (missing.length > 0) {
    return { restart: 'certain', pods, because: `${missing.map(({ id }) => id).join(', ')} is not split yet` };
  }
  const wildcard = queues.find(({ id }) => id === '*');
  if (wildcard !== undefined) {
    return { restart: 'possible', pods, because: `“*” may mean ${wildcard.kind} queues that are not split yet` };
  }
  return { restart: 'none', pods, because: 'its split is there already' };
}

/** `where`: namespace and context, so that nobody restarts the pods of another cluster than they think. */
export function describeRestart(outlook: RestartOutlook, target: SplitSessionSpec['target'], where: string): string {
  const { restart, pods, because } = outlook;
  if (restart === 'none') return `no restart of ${target.name} in ${where} is needed: ${because}`;
  const what = pods === undefined ? 'the pods' : `${pods} ${pods === 1 ? 'pod' : 'pods'}`;
  const verb = restart === 'certain' ? 'restarting' : 'perhaps restarting';
  return `${verb} ${what} of ${target.name} in ${where} (${because})`;
}

/** Rejects with `TargetNotFound`. Whoever may not read workloads or splits gets the careful answer. */
export async function lookAhead(
  client: KubeClient,
  namespace: string,
  target: TargetReference,
  queues: readonly SessionQueue[],
): Promise<RestartOutlook> {
  const [workload, split] = await Promise.all([
    unlessDenied(client.get<Workload>(RESOURCES[target.kind], { name: target.name, namespace })),
    unlessDenied(client.get<WorkloadSplit>(WORKLOAD_SPLITS, { name: splitName(target), namespace })),
  ]);
  if (workload === undefined) {
    throw new SplitterError('TargetNotFound', `There is no ${target.kind} ${target.name} in namespace ${namespace}`, {
      details: {
        hint: `see kubectl get ${target.kind.toLowerCase()}s -n ${namespace}, or choose another namespace with -n`,
      },
    });
  }
  const seen = workload === 'denied' ? undefined : workload;
  if (split !== 'denied') return restartOutlook(split, queues, seen);
  return {
    ...restartOutlook(undefined, queues, seen),
    because: 'whether it is split already, this account may not see',
  };
}

async function unlessDenied<T>(call: Promise<T>): Promise<T | 'denied'> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof SplitterError && error.code === 'PermissionDenied') return 'denied';
    throw error;
  }
}
