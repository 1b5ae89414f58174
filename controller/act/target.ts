// What is done to the target: our own restart annotation, in and out, and single pods that must be replaced. Nothing else of it is ever written.
import { RESTARTED_AT_ANNOTATION } from '../../api/constants.ts';
import { SplitterError } from '../../common/errors.ts';
import { ignoreMissing } from '../../common/kube/api-error.ts';
import { DEPLOYMENTS, PODS } from '../../common/kube/resources.ts';
import type { KubeObject } from '../../common/kube/types.ts';
import { splitName } from '../../common/naming/kubernetes.ts';
import type { PodFact } from '../decide/observed.ts';
import type { ActContext, Place } from './context.ts';

/** `resourceVersion`: of the target that was decided on; a controller that slept over the end of the split gets a Conflict. */
export async function restartTarget(
  context: ActContext,
  place: Place,
  restartedAt: string,
  resourceVersion: string | undefined,
): Promise<void> {
  const { metadata } = await annotate(context, place, restartedAt, resourceVersion);
  const { apiVersion, kind } = place.target;
  context.announce(
    { apiVersion, kind, metadata },
    'Normal',
    'Restarting',
    `new pods read fallback queues while developers have sessions (WorkloadSplit ${splitName(place.target)}); SplitEnded tells when that is over`,
  );
}

/** The template equals the owner's again, so a Deployment goes back to its own ReplicaSet (kubernetes-notes C3). */
export async function removeRestartAnnotation(
  context: ActContext,
  place: Place,
  resourceVersion: string | undefined,
): Promise<void> {
  await ignoreMissing(annotate(context, place, null, resourceVersion));
}

async function annotate(
  { client }: ActContext,
  { namespace, target }: Place,
  value: string | null,
  resourceVersion: string | undefined,
): Promise<KubeObject> {
  return await client.mergePatch(
    DEPLOYMENTS,
    { name: target.name, namespace },
    {
      metadata: { resourceVersion },
      spec: { template: { metadata: { annotations: { [RESTARTED_AT_ANNOTATION]: value } } } },
    },
  );
}

/** 0 would take the object away before its containers are gone. */
const SHORTEST_GRACE_SECONDS = 1;

/**
 * Through the eviction API, so that disruption budgets hold; refused for now (429) is an error that may be tried again. One that has not
 * started has nothing to finish: the time that it is given would be used to start and to read.
 */
export async function evictPod(
  { client, announce }: ActContext,
  namespace: string,
  pod: Pick<PodFact, 'name' | 'uid' | 'started'>,
  why: string,
): Promise<void> {
  try {
    await client.createSubresource(PODS, { name: pod.name, namespace }, 'eviction', {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.name, namespace },
      deleteOptions: {
        preconditions: { uid: pod.uid },
        ...(pod.started ? {} : { gracePeriodSeconds: SHORTEST_GRACE_SECONDS }),
      },
    });
  } catch (error) {
    if (error instanceof SplitterError && [404, 409].includes(Number(error.details['status']))) return;
    throw error;
  }
  announce(
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: pod.name, namespace, uid: pod.uid } },
    'Normal',
    'Replaced',
    why,
  );
}
