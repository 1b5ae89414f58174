// The reading of the audit log finds what it is for: a refusal, and a right that nobody used.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditLine, grantsOf, refusedRequests, unusedGrants } from '../../cluster/stage/audit.ts';

const subjects = [{ kind: 'ServiceAccount', name: 'queue-splitter-controller', namespace: 'mirrord' }];
const ACCOUNT = 'system:serviceaccount:mirrord:queue-splitter-controller';
const OBJECTS = [
  {
    kind: 'ClusterRole',
    metadata: { name: 'wide' },
    rules: [{ apiGroups: [''], resources: ['pods', 'pods/eviction'], verbs: ['create'] }],
  },
  { kind: 'ClusterRoleBinding', metadata: {}, roleRef: { kind: 'ClusterRole', name: 'wide' }, subjects },
  {
    kind: 'Role',
    metadata: { name: 'narrow', namespace: 'mirrord' },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: ['own'] }],
  },
  { kind: 'RoleBinding', metadata: { namespace: 'mirrord' }, roleRef: { kind: 'Role', name: 'narrow' }, subjects },
  {
    kind: 'ClusterRole',
    metadata: { name: 'for-people' },
    rules: [{ apiGroups: [''], resources: ['x'], verbs: ['get'] }],
  },
];

/** Microseconds after some moment. */
const at = (time: number) => `2026-01-01T00:00:00.${String(time).padStart(6, '0')}Z`;

function line(
  verb: string,
  objectRef: AuditLine['objectRef'],
  decision = 'allow',
  times: readonly [number, number] = [1, 2],
): AuditLine {
  const annotations = { 'authorization.k8s.io/decision': decision };
  return {
    stage: 'ResponseComplete',
    verb,
    user: { username: ACCOUNT },
    requestURI: '/x',
    requestReceivedTimestamp: at(times[0]),
    stageTimestamp: at(times[1]),
    annotations,
    ...(objectRef ? { objectRef } : {}),
  };
}

test('grants are used by the same account, verb, resource with subresource, namespace and name only', () => {
  const grants = grantsOf(OBJECTS);
  const unusedAfter = (...lines: AuditLine[]) => unusedGrants(grants, lines);
  const eviction = line('create', { resource: 'pods', subresource: 'eviction', namespace: 'shop', name: 'a' });
  const secret = (namespace: string, name: string) => line('get', { resource: 'secrets', namespace, name });
  const [pods, secrets] = [
    'queue-splitter-controller: create pods',
    'queue-splitter-controller: get secrets own in mirrord',
  ];
  assert.deepEqual(unusedAfter(eviction), [pods, secrets]);
  assert.deepEqual(unusedAfter(eviction, secret('mirrord', 'other'), secret('shop', 'own')), [pods, secrets]);
  assert.deepEqual(unusedAfter(eviction, secret('mirrord', 'own')), [pods]);
  assert.equal(unusedAfter({ ...eviction, user: { username: 'somebody' } }, secret('mirrord', 'own')).length, 2);
});

test('what was not allowed is a refusal, of our accounts only', () => {
  const refused = line('get', { resource: 'leases' }, 'forbid');
  assert.deepEqual(refusedRequests([line('get', undefined), refused]), ['queue-splitter-controller get /x']);
  assert.deepEqual(refusedRequests([{ ...refused, user: { username: 'system:anonymous' } }]), []);
});

test('a pod whose bindings an uninstallation has deleted may ask in vain, until they are there again', () => {
  const refusedAt = (from: number, to: number) => line('get', { resource: 'leases' }, 'forbid', [from, to]);
  const helm = (verb: string, from: number, to: number, name = 'queue-splitter-controller') => ({
    ...line(verb, { resource: 'rolebindings', name }, 'allow', [from, to]),
    user: { username: 'helm' },
  });
  assert.equal(refusedRequests([helm('delete', 10, 20), refusedAt(21, 22)]).length, 0);
  assert.equal(refusedRequests([helm('delete', 10, 20, 'queue-splitter-forwarder'), refusedAt(21, 22)]).length, 1);
  assert.equal(refusedRequests([refusedAt(8, 9), helm('delete', 10, 20)]).length, 1, 'before anything was deleted');
  const again = [helm('delete', 10, 20), refusedAt(21, 22), helm('create', 30, 40), refusedAt(41, 42)];
  assert.equal(refusedRequests(again).length, 1);
});

test('what a deletion brings about may be in the log before it', () => {
  const refused = line('get', { resource: 'leases' }, 'forbid', [15, 16]);
  const deletion = line('delete', { resource: 'rolebindings', name: 'queue-splitter-controller' }, 'allow', [10, 20]);
  assert.deepEqual(refusedRequests([refused, deletion]), []);
});
