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

function line(verb: string, objectRef: AuditLine['objectRef'], decision = 'allow'): AuditLine {
  const annotations = { 'authorization.k8s.io/decision': decision };
  return {
    stage: 'ResponseComplete',
    verb,
    user: { username: ACCOUNT },
    requestURI: '/x',
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
  const refused = line('get', { resource: 'leases' }, 'forbid');
  const helm = {
    ...line('delete', { resource: 'rolebindings', name: 'queue-splitter-controller' }),
    user: { username: 'helm' },
  };
  const other = { ...helm, objectRef: { resource: 'rolebindings', name: 'queue-splitter-forwarder' } };
  assert.equal(refusedRequests([helm, refused]).length, 0);
  assert.equal(refusedRequests([other, refused]).length, 1);
  assert.equal(refusedRequests([helm, refused, { ...helm, verb: 'create' }, refused]).length, 1);
});
