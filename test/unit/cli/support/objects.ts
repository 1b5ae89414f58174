// A session and a split with the fields that qsplit reads.
import type { SplitSession } from '../../../../api/kinds/split-session.ts';
import type { Route, WorkloadSplit } from '../../../../api/kinds/workload-split.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment' as const, name: 'orders-worker' };

export function sessionFor(name: string): SplitSession {
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'SplitSession',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, creationTimestamp: '2026-03-01T11:56:40Z' },
    spec: {
      target,
      queues: [{ id: 'orders', kind: 'SQS', filter: { tenant: '^alice$' }, mode: 'steal' }],
      sessionKey: 'alice',
    },
  };
}

export type RouteFacts = Pick<Route, 'session' | 'filter'> & Partial<Pick<Route, 'startedAt' | 'ending'>>;

/** Splitting the SQS queue `orders` for these sessions. */
export function splitWith(routes: readonly RouteFacts[], ttlSeconds = 0): WorkloadSplit {
  return {
    apiVersion: 'queuesplitter.dev/v1alpha1',
    kind: 'WorkloadSplit',
    metadata: { name: 'deployment-orders-worker', namespace: 'shop', creationTimestamp: '2026-03-01T09:00:00Z' },
    spec: {
      target: { ...target, uid: 'uid-target', selector: {} },
      phase: 'Splitting',
      revision: 1,
      environmentRevision: 1,
      environment: [],
      queues: [
        {
          key: 'orders',
          id: 'orders',
          kind: 'SQS',
          connection: {},
          original: { name: 'orders' },
          fallback: { name: 'mirrord-1-fallback-orders' },
          variables: [],
          groupVariables: [],
          forwarding: 'Forward',
          routes: routes.map(({ session, filter, startedAt = '2026-03-01T12:00:00Z', ending = false }) => ({
            session,
            sessionUid: `uid-${session}`,
            filter,
            mode: 'steal',
            destination: { name: `mirrord-1-orders-${session}` },
            startedAt,
            ending,
          })),
        },
      ],
      resources: [],
      phaseSince: '2026-03-01T09:00:00Z',
      settings: { ttlSeconds, restartTimeoutSeconds: 60 },
    },
  };
}
