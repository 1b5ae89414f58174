// The objects of the odd Deployments: complete, and as plain as can be but for what is odd about them.
import type { Case } from './cases.ts';

const PROGRAM =
  'console.log(JSON.stringify(process.env)); process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1e6);';
const SECURITY = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

type Loose = Readonly<Record<string, unknown>>;

/** Each container prints its environment and then does nothing. */
export const deploymentsOf = (image: string) => (one: Pick<Case, 'name'> & Partial<Case>) => {
  const { name, labels = { app: name }, containers = [], initContainers = [], spec = {} } = one;
  const command = ['node', '-e', PROGRAM];
  const complete = (container: object) => ({ image, command, securityContext: SECURITY, ...container });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 5,
          securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
          containers: containers.map(complete),
          initContainers: initContainers.map(complete),
        },
      },
      ...spec,
    },
  };
};

/** It names no container: all of them are meant. */
export function registry(
  { name, queues = { orders: { queueType: 'SQS', nameSource: { envVar: 'Q' } } } }: Pick<Case, 'name' | 'queues'>,
  more: Loose = {},
) {
  return {
    apiVersion: 'queues.mirrord.metalbear.co/v1alpha',
    kind: 'MirrordWorkloadQueueRegistry',
    metadata: { name: name.slice(0, 44) },
    spec: { consumer: { name, workloadType: 'Deployment' }, queues, ...more },
  };
}

export const inside = (namespace: string) => (object: object) => {
  const { metadata, ...rest } = object as { metadata: object };
  return { ...rest, metadata: { ...metadata, namespace } };
};
export const namespaceOf = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
});
