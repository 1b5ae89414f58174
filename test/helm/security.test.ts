// What the chart's processes may do: every container restricted, every rule named and as narrow as docs/reference/rbac.md says.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as resources from '../../common/kube/resources.ts';
import { EVERYTHING, type Manifest, named, ofKind, render } from './chart.ts';

type PodSpec = {
  securityContext: Record<string, unknown>;
  hostNetwork?: boolean;
  containers: {
    name: string;
    securityContext: Record<string, unknown>;
    resources: { requests?: object; limits?: { memory?: string } };
    image: string;
  }[];
};
type Rule = { apiGroups: string[]; resources: string[]; resourceNames?: string[]; verbs: string[] };

const podSpec = (manifest: Manifest): PodSpec => (manifest['spec'] as { template: { spec: PodSpec } }).template.spec;
const rulesOf = (manifest: Manifest): Rule[] => (manifest['rules'] ?? []) as Rule[];

const manifests = await render({ ...EVERYTHING, operator: { kafkaSecrets: ['kafka-login'] } });
const roles = ofKind(manifests, 'ClusterRole', 'Role');

/** `group/plural`, subresources cut off. */
const KNOWN = new Set(
  Object.values(resources)
    .filter((value) => typeof value === 'object')
    .map(({ group, plural }) => `${group}/${plural}`),
);

describe('containers', () => {
  for (const workload of ofKind(manifests, 'Deployment', 'Job')) {
    it(`${workload.kind} ${workload.metadata.name} fits the restricted pod security standard`, () => {
      const spec = podSpec(workload);
      assert.equal(spec.hostNetwork, undefined);
      assert.equal(spec.securityContext['runAsNonRoot'], true);
      assert.equal(spec.securityContext['runAsUser'], 65532);
      assert.deepEqual(spec.securityContext['seccompProfile'], { type: 'RuntimeDefault' });
      for (const container of spec.containers) {
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        assert.ok(container.resources.requests && container.resources.limits?.memory, 'requests and a memory limit');
        assert.match(container.image, /^queue-splitter:\d/);
      }
    });
  }
});

describe('permissions', () => {
  for (const role of roles) {
    it(`${role.kind} ${role.metadata.name} has no wildcard and names only resources that our processes know`, () => {
      assert.notEqual(rulesOf(role).length, 0);
      for (const rule of rulesOf(role)) {
        assert.equal([...rule.apiGroups, ...rule.resources, ...rule.verbs].includes('*'), false);
        for (const resource of rule.resources) {
          const known = KNOWN.has(`${rule.apiGroups[0]}/${resource.split('/')[0]}`);
          assert.ok(known, `${resource} is not in common/kube/resources.ts`);
        }
      }
    });
  }

  it('nobody reads a Secret that is not named, creates one, or reads one of another namespace', () => {
    for (const role of roles) {
      for (const rule of rulesOf(role).filter(({ resources: list }) => list.includes('secrets'))) {
        assert.equal(role.kind, 'Role', role.metadata.name);
        assert.notEqual(rule.resourceNames?.length ?? 0, 0, role.metadata.name);
        assert.deepEqual(
          rule.verbs.filter((verb) => !['get', 'update'].includes(verb)),
          [],
        );
      }
    }
  });

  const secretsOf = (name: string): string[] =>
    rulesOf(named(manifests, 'Role', name))
      .filter(({ resources: list }) => list.includes('secrets'))
      .flatMap(({ resourceNames = [] }) => resourceNames);

  it('each process reads its own Secrets only', () => {
    assert.deepEqual(secretsOf('queue-splitter-webhook'), ['queue-splitter-webhook-ca']);
    assert.deepEqual(secretsOf('queue-splitter-controller'), ['queue-splitter-webhook-ca', 'kafka-login']);
    assert.deepEqual(secretsOf('queue-splitter-forwarder'), ['kafka-login']);
  });

  it('the webhook configuration can be changed by name and never created', () => {
    for (const role of roles) {
      for (const rule of rulesOf(role).filter(({ resources: list }) =>
        list.includes('mutatingwebhookconfigurations'),
      )) {
        assert.deepEqual(rule.resourceNames, ['queue-splitter']);
        assert.equal(rule.verbs.includes('create') || rule.verbs.includes('delete'), false);
      }
    }
  });

  it('only the controller writes splits, and the forwarder only their status', () => {
    const writers = roles.flatMap((role) =>
      rulesOf(role)
        .filter(({ resources: list }) => list.some((resource) => resource.startsWith('workloadsplits')))
        .filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)))
        .flatMap((rule) => rule.resources.map((resource) => `${role.metadata.name}: ${resource}`)),
    );
    assert.deepEqual(writers.filter((writer) => writer.includes('workloadsplits')).toSorted(), [
      'queue-splitter-controller: workloadsplits',
      'queue-splitter-controller: workloadsplits/status',
      'queue-splitter-forwarder: workloadsplits/status',
    ]);
  });

  it('every binding leads from a role of the chart to a service account of the chart', () => {
    for (const binding of ofKind(manifests, 'ClusterRoleBinding', 'RoleBinding')) {
      const { roleRef, subjects } = binding as unknown as {
        roleRef: { kind: string; name: string };
        subjects: { kind: string; name: string }[];
      };
      named(manifests, roleRef.kind, roleRef.name);
      for (const { kind, name } of subjects) named(manifests, kind, name);
    }
  });
});
