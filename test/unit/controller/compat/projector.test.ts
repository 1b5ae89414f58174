import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ADOPTED_ANNOTATION, FINALIZER, PROJECTED_LABEL } from '../../../../api/constants.ts';
import type { SplitSession } from '../../../../api/kinds/split-session.ts';
import { type SqsSession, sqsSessionStatus } from '../../../../api/kinds/sqs-session.ts';
import { Reflector } from '../../../../common/kube/reflector.ts';
import { NAMESPACES, SPLIT_SESSIONS, SQS_SESSIONS } from '../../../../common/kube/resources.ts';
import { createProjector, project } from '../../../../controller/compat/projector.ts';
import { settled } from '../../common/fake-clock.ts';
import { silentLog } from '../../common/silent-log.ts';
import { type Bench, createBench, putSession } from '../bench.ts';
import { refusal } from '../fake-kube.ts';

const ALICE = { name: 'alice', namespace: 'shop' };

type Play = Bench & {
  session: () => SplitSession | undefined;
  shown: () => SqsSession | undefined;
  /** Projects until nothing changes any more; how often something did. */
  rest: () => Promise<number>;
};

function setUp(): Play {
  const bench = createBench();
  const { kube } = bench;
  const rest = async (): Promise<number> => {
    for (let times = 0; times < 10; times += 1) {
      const before = kube.writes.length;
      await project(kube, ALICE);
      if (kube.writes.length === before) return times;
    }
    return assert.fail(`it never rests: ${kube.writes.slice(-6)}`);
  };
  return {
    ...bench,
    session: () => kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE),
    shown: () => kube.peek<SqsSession>(SQS_SESSIONS, ALICE),
    rest,
  };
}

/** A session that is shown already. */
async function projected(): Promise<Play> {
  const play = setUp();
  putSession(play.kube, 'alice');
  await play.rest();
  return play;
}

function putSqsSession({ kube }: Bench, spec: object = {}): SqsSession {
  return kube.put<SqsSession>(SQS_SESSIONS, {
    apiVersion: 'queues.mirrord.metalbear.co/v1alpha',
    kind: 'MirrordSqsSession',
    metadata: { ...ALICE },
    spec: {
      sessionId: 'A1',
      queueConsumer: { name: 'orders-worker', workloadType: 'Deployment' },
      queueFilters: { orders: { tenant: '^alice$' } },
      ...spec,
    },
  });
}

async function adopted(): Promise<Play> {
  const play = setUp();
  putSqsSession(play);
  await play.rest();
  return play;
}

/** The controller has put everything of the session back. */
function release({ kube }: Bench): void {
  kube.remove(SPLIT_SESSIONS, ALICE);
}

describe('a session with SQS queues', () => {
  it('is shown in the words of mirrord', async () => {
    const { shown } = await projected();
    assert.deepEqual(shown()?.spec.queueFilters, { orders: { tenant: '^alice$' } });
    assert.deepEqual(shown()?.metadata.finalizers, [FINALIZER]);
    assert.deepEqual(shown()?.metadata.labels, { [PROJECTED_LABEL]: 'true' });
  });

  it('is shown with how far it is: exactly one field at any time', async () => {
    const play = await projected();
    const session = play.session();
    const fieldsAt = async (status: SplitSession['status']): Promise<string[]> => {
      play.kube.put(SPLIT_SESSIONS, { ...session, status } as never);
      await play.rest();
      const said = sqsSessionStatus.parse(play.shown()?.status);
      return Object.keys(said);
    };
    assert.deepEqual(await fieldsAt({ phase: 'Preparing' }), ['Starting']);
    assert.deepEqual(await fieldsAt({ phase: 'Ready', readyAt: 'now' }), ['Ready']);
    assert.deepEqual(await fieldsAt({ phase: 'Ending', readyAt: 'now' }), ['Ready']);
    assert.deepEqual(await fieldsAt({ phase: 'Failed', readyAt: 'now', message: 'lost' }), ['StartError']);
  });

  it('is not written about again while nothing changes', async () => {
    const { rest } = await projected();
    assert.equal(await rest(), 0);
  });

  it('ends when a user deletes what is shown, which stays until then', async () => {
    const play = await projected();
    putSession(play.kube, 'bob');
    await play.kube.delete(SQS_SESSIONS, ALICE);
    await play.rest();
    assert.ok(play.session()?.metadata.deletionTimestamp, 'its end has begun');
    assert.ok(play.shown(), 'kubectl delete waits');
    assert.ok(
      play.kube.peek<SplitSession>(SPLIT_SESSIONS, { ...ALICE, name: 'bob' })?.metadata.deletionTimestamp === undefined,
    );
    release(play);
    await play.rest();
    assert.equal(play.shown(), undefined);
  });

  it('takes what is shown with it when it ends by itself', async () => {
    const play = await projected();
    await play.kube.delete(SPLIT_SESSIONS, ALICE);
    await play.rest();
    assert.equal(play.shown()?.metadata.deletionTimestamp, undefined);
    release(play);
    await play.rest();
    assert.equal(play.shown(), undefined);
  });

  it('is shown again when somebody tore the object away with its finalizer', async () => {
    const play = await projected();
    play.kube.remove(SQS_SESSIONS, ALICE);
    await play.rest();
    assert.ok(play.shown());
  });

  it('is not told of in an object of that name that somebody else made in between', async () => {
    const play = await projected();
    play.kube.put(SPLIT_SESSIONS, { ...play.session(), status: { phase: 'Ready', readyAt: 'now' } } as never);
    play.kube.before('patch mirrordsqssessions', () => {
      play.kube.remove(SQS_SESSIONS, ALICE);
      putSqsSession(play);
    });
    await assert.rejects(project(play.kube, ALICE), { code: 'Conflict' });
    assert.equal(play.shown()?.status, undefined);
    await play.rest();
    assert.match(play.shown()?.status?.StartError?.reason ?? '', /SplitSession alice already/);
  });

  it('of the same name that comes later is not shown by the object of its predecessor', async () => {
    const play = await projected();
    const before = play.shown()?.spec.sessionId;
    release(play);
    putSession(play.kube, 'alice');
    await play.rest();
    assert.notEqual(play.shown()?.spec.sessionId, before);
    assert.equal(play.session()?.metadata.deletionTimestamp, undefined);
  });

  it('that is being deleted, has no SQS queue, or is of a StatefulSet is not shown', async () => {
    const play = setUp();
    const session = putSession(play.kube, 'alice', { queues: [{ id: 'v', kind: 'Kafka', filter: {}, mode: 'steal' }] });
    assert.equal(await play.rest(), 0);
    const target = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'orders-worker' } as const;
    putSession(play.kube, 'alice', { target });
    assert.equal(await play.rest(), 0);
    putSession(play.kube, 'alice');
    await play.kube.delete(SPLIT_SESSIONS, ALICE);
    play.kube.writes.length = 0;
    assert.equal(await play.rest(), 0, session.metadata.name);
  });
});

describe('an object that a user created', () => {
  it('is adopted as a session of its name, and kept until that has ended', async () => {
    const play = await adopted();
    assert.deepEqual(play.session()?.spec, {
      target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker' },
      queues: [{ id: 'orders', kind: 'SQS', filter: { tenant: '^alice$' }, mode: 'steal' }],
    });
    assert.equal(play.session()?.metadata.annotations?.[ADOPTED_ANNOTATION], play.shown()?.metadata.uid);
    assert.deepEqual(play.shown()?.metadata.finalizers, [FINALIZER]);
  });

  it('ends its session when it is deleted', async () => {
    const play = await adopted();
    const { metadata, ...rest } = play.session() ?? assert.fail();
    play.kube.put(SPLIT_SESSIONS, { ...rest, metadata: { ...metadata, finalizers: [FINALIZER] } });
    await play.kube.delete(SQS_SESSIONS, ALICE);
    await play.rest();
    assert.ok(play.session()?.metadata.deletionTimestamp);
    release(play);
    await play.rest();
    assert.equal(play.shown(), undefined);
  });

  it('goes with its session, and is not adopted a second time', async () => {
    const play = await adopted();
    release(play);
    await play.rest();
    assert.deepEqual([play.shown(), play.session()], [undefined, undefined]);
  });

  it('is adopted once although the controller was killed between its two writes', async () => {
    const play = setUp();
    putSqsSession(play);
    play.kube.fail('patch mirrordsqssessions', refusal(409, 'Conflict', 'modified'));
    await assert.rejects(project(play.kube, ALICE), { code: 'Conflict' });
    const uid = play.session()?.metadata.uid;
    await play.rest();
    assert.equal(play.session()?.metadata.uid, uid);
    assert.deepEqual(play.shown()?.metadata.finalizers, [FINALIZER]);
  });

  it('ends its session also when it is deleted just before it is told to wait', async () => {
    const play = setUp();
    putSqsSession(play);
    play.kube.before('patch mirrordsqssessions', () => play.kube.remove(SQS_SESSIONS, ALICE));
    await play.rest();
    assert.deepEqual([play.shown(), play.session()], [undefined, undefined]);
  });

  it('that was deleted and made again in between is not ended with the one before', async () => {
    const play = await adopted();
    play.kube.remove(SQS_SESSIONS, ALICE);
    putSqsSession(play);
    await play.rest();
    assert.match(play.shown()?.status?.StartError?.reason ?? '', /SplitSession alice already/);
    assert.equal(play.session()?.metadata.deletionTimestamp, undefined);
  });

  it('keeps the finalizers of others', async () => {
    const play = setUp();
    const object = putSqsSession(play);
    play.kube.put(SQS_SESSIONS, { ...object, metadata: { ...object.metadata, finalizers: ['other/one'] } });
    await play.rest();
    assert.deepEqual(play.shown()?.metadata.finalizers, ['other/one', FINALIZER]);
    await play.kube.delete(SQS_SESSIONS, ALICE);
    await play.rest();
    release(play);
    await play.rest();
    assert.deepEqual(play.shown()?.metadata.finalizers, ['other/one']);
  });

  const refused: [string, object, RegExp][] = [
    ['asks for jq programs', { queueJqFilters: { orders: '.a' } }, /queueJqFilters are not supported yet \(orders\)/],
    ['names no queue', { queueFilters: {} }, /names no queue/],
  ];
  for (const [what, spec, message] of refused) {
    it(`and that ${what} is refused in its status, once`, async () => {
      const play = setUp();
      putSqsSession(play, spec);
      assert.equal(await play.rest(), 1);
      assert.match(play.shown()?.status?.StartError?.reason ?? '', message);
      assert.equal(play.session(), undefined);
    });
  }

  it('and whose session the API server refuses says why', async () => {
    const play = setUp();
    play.kube.put(NAMESPACES, { metadata: { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' } });
    putSqsSession(play);
    await play.rest();
    assert.match(play.shown()?.status?.StartError?.reason ?? '', /namespace shop is being terminated/);
    play.kube.put(NAMESPACES, { metadata: { name: 'shop', deletionTimestamp: undefined } } as never);
  });

  it('and whose session cannot be made now is tried again', async () => {
    const play = setUp();
    putSqsSession(play);
    play.kube.fail('create splitsessions', refusal(409, 'AlreadyExists', 'quicker'));
    await assert.rejects(project(play.kube, ALICE), { retryable: true });
    assert.equal(play.shown()?.status, undefined);
  });

  it('may vanish at any moment', async () => {
    const play = setUp();
    putSqsSession(play, { queueFilters: {} });
    play.kube.before('patch mirrordsqssessions', () => play.kube.remove(SQS_SESSIONS, ALICE));
    await project(play.kube, ALICE);
    assert.equal(play.shown(), undefined);
  });
});

describe('the projector', () => {
  it('follows both kinds, tries again what failed, and ends with its signal', async () => {
    const play = setUp();
    const { kube, clock } = play;
    const stop = new AbortController();
    const log = silentLog();
    const sessions = new Reflector<SplitSession>({ client: kube, resource: SPLIT_SESSIONS, log, clock });
    sessions.start();
    kube.fail('create mirrordsqssessions', refusal(409, 'AlreadyExists', 'quicker'));
    const running = createProjector(kube, clock, log).start(sessions, stop.signal);
    const pass = async (): Promise<void> => {
      for (let ticks = 0; ticks < 40; ticks += 1) await settled();
      await clock.advance(1000);
      for (let ticks = 0; ticks < 40; ticks += 1) await settled();
    };
    await pass();
    putSession(kube, 'alice');
    await pass();
    assert.ok(play.shown()?.status?.Starting);
    await kube.delete(SQS_SESSIONS, ALICE);
    await pass();
    assert.ok(play.session()?.metadata.deletionTimestamp);
    stop.abort();
    await running;
    await sessions.stop();
    const writes = kube.writes.length;
    release(play);
    await pass();
    assert.equal(kube.writes.length, writes);
  });
});
