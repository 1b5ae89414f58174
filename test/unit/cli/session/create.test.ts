import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSession, type SessionPlan, sessionName } from '../../../../cli/session/create.ts';
import { LEASES, SPLIT_SESSIONS } from '../../../../common/kube/resources.ts';
import { FakeClock } from '../../common/fake-clock.ts';
import { FakeCluster, refusals } from '../support/fake-cluster.ts';

const zeros = (count: number) => new Uint8Array(count);

const plan: SessionPlan = {
  name: 'alice-1',
  namespace: 'shop',
  target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker' },
  queues: [{ id: 'orders', kind: 'SQS', filter: { tenant: '^alice$' }, mode: 'steal' }],
  sessionKey: 'alice',
  heartbeatSeconds: 45,
};

function heartbeat(client: FakeCluster) {
  const { signal } = new AbortController();
  return {
    client,
    clock: new FakeClock(Date.UTC(2026, 2, 1, 12)),
    holder: 'qsplit:a@b',
    signal,
    onOverdue: () => undefined,
  };
}

test('names are DNS labels that show whose session it is', () => {
  assert.equal(sessionName('Alice Smith', zeros), 'alice-smith-bbbbbb');
  assert.equal(sessionName('feature/ÄÖ--queue_split#1234567890', zeros), 'feature-queue-split-1234-bbbbbb');
  assert.equal(sessionName('日本', zeros), 'session-bbbbbb');
  assert.match(sessionName(`${'x'.repeat(23)}-y`, zeros), /^x{23}-bbbbbb$/);
});

test('a session and its Lease are made together', async () => {
  const client = new FakeCluster();
  const session = await createSession(plan, heartbeat(client));
  assert.equal(session.metadata.uid, 'uid-alice-1');
  assert.deepEqual(session.spec.heartbeat, { timeoutSeconds: 45 });
  assert.deepEqual(client.names(SPLIT_SESSIONS.plural), ['alice-1']);
  assert.deepEqual(client.names(LEASES.plural), ['alice-1']);
});

test('without a Lease there is no session', async () => {
  const client = new FakeCluster();
  client.refuse = (verb, plural) => (verb === 'create' && plural === LEASES.plural ? refusals.denied() : undefined);
  await assert.rejects(createSession(plan, heartbeat(client)), { code: 'PermissionDenied' });
  assert.deepEqual(client.names(SPLIT_SESSIONS.plural), []);
});

test('when the answer to the creation is lost, whatever was created is deleted', async () => {
  const client = new FakeCluster();
  client.onCreate = () => {
    throw refusals.unreachable();
  };
  await assert.rejects(createSession(plan, heartbeat(client)), { code: 'ApiUnreachable' });
  assert.deepEqual(client.names(SPLIT_SESSIONS.plural), []);
});

test('a session of that name that belongs to somebody else is left alone', async () => {
  const client = new FakeCluster();
  await createSession(plan, heartbeat(client));
  await assert.rejects(createSession(plan, heartbeat(client)), { code: 'Conflict' });
  assert.deepEqual(client.names(SPLIT_SESSIONS.plural), ['alice-1']);
});
