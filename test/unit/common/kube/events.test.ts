import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createKubeClient } from '../../../../common/kube/client.ts';
import { EventRecorder } from '../../../../common/kube/events.ts';
import type { KubeObject } from '../../../../common/kube/types.ts';
import { FakeClock } from '../fake-clock.ts';
import { silentLog } from '../silent-log.ts';
import { FakeApiServer, type SeenRequest, status } from './fake-api-server.ts';

const TARGET = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'worker', namespace: 'shop', uid: 'u1' },
};

describe('EventRecorder', () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let client: ReturnType<typeof createKubeClient>;
  let events: EventRecorder;

  beforeEach(async () => {
    server = await new FakeApiServer().start();
    clock = new FakeClock();
    client = createKubeClient({ server: server.url }, { userAgent: 'test/1', clock });
    events = new EventRecorder({
      client,
      component: 'queue-splitter-controller',
      instance: 'pod-1',
      log: silentLog(),
      clock,
    });
  });
  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  const stored = (request: SeenRequest | undefined) => {
    const name = (request?.body as KubeObject | undefined)?.metadata.name ?? assert.fail('no event was created');
    return server.object<KubeObject & Record<string, unknown>>(`${request?.path}/${name}`) ?? assert.fail('it is gone');
  };

  it('writes a core v1 Event beside the object', async () => {
    await events.record(TARGET, 'Warning', 'RestartTimeout', 'It did not come up.');
    const event = stored(server.requests[0]);
    assert.equal(server.requests[0]?.path, '/api/v1/namespaces/shop/events');
    assert.match(event.metadata.name, /^worker\./);
    assert.deepEqual(event['involvedObject'], { apiVersion: 'apps/v1', kind: 'Deployment', ...TARGET.metadata });
    assert.deepEqual(
      [event['type'], event['reason'], event['message'], event['count'], event['firstTimestamp']],
      ['Warning', 'RestartTimeout', 'It did not come up.', 1, '2026-01-01T00:00:00Z'],
    );
  });

  it('counts equal events, also when they come all at once, and keeps different ones apart', async () => {
    await Promise.all([1, 2, 3].map(() => events.record(TARGET, 'Normal', 'Split', 'one')));
    await clock.advance(5_000);
    await events.record(TARGET, 'Normal', 'Split', 'one');
    await events.record(TARGET, 'Normal', 'Split', 'two');
    assert.deepEqual(
      server.requests.map(({ method }) => method),
      ['POST', 'PATCH', 'PATCH', 'PATCH', 'POST'],
    );
    const event = stored(server.requests[0]);
    assert.deepEqual([event['count'], event['lastTimestamp']], [4, '2026-01-01T00:00:05Z']);
  });

  it('makes a new event when the old one is gone or old', async () => {
    await events.record(TARGET, 'Normal', 'Split', 'one');
    server.remove(`/api/v1/namespaces/shop/events/${stored(server.requests[0]).metadata.name}`);
    await events.record(TARGET, 'Normal', 'Split', 'one');
    await clock.advance(600_000);
    await events.record(TARGET, 'Normal', 'Split', 'one');
    assert.deepEqual(
      server.requests.map(({ method }) => method),
      ['POST', 'PATCH', 'POST', 'POST'],
    );
  });

  it('never throws', async () => {
    void server.failNext(
      () => true,
      (response) => status(response, 403, 'Forbidden', 'namespace is being terminated'),
    );
    await events.record(TARGET, 'Normal', 'Split', 'one');
    await events.record({ ...TARGET, metadata: { name: 'x'.repeat(300) } }, 'Normal', 'Split', 'y'.repeat(5_000));
    const event = stored(server.requests[1]);
    assert.equal(event.metadata.namespace, 'default');
    assert.ok(event.metadata.name.length <= 253);
    assert.equal(String(event['message']).length, 1024);
  });
});
