// One target over its whole life through observe, decide, act and report, on an API in memory; and what goes wrong in between.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FINALIZER, PATCHED_LABEL } from '../../../api/constants.ts';
import type { SplitSession } from '../../../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import { isLostRace } from '../../../common/kube/api-error.ts';
import { NAMESPACES, PODS, SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../../common/kube/resources.ts';
import { DEFAULT_TOPIC_FORMAT } from '../../../common/naming/kafka.ts';
import { createNames } from '../../../controller/names.ts';
import { type Reconciler, reconcile } from '../../../controller/reconciler.ts';
import { silentLog } from '../common/silent-log.ts';
import { type Bench, createBench, putSession } from './bench.ts';
import { refusal } from './fake-kube.ts';
import { everybodyElse, observerOf, putTarget, removeTarget, SPLIT } from './play.ts';

const KEY = { namespace: 'shop', split: SPLIT.name };
const ALICE = { name: 'alice', namespace: 'shop' };

type Play = Bench & {
  reconciler: Reconciler;
  log: ReturnType<typeof silentLog>;
  /** Reconciles until nothing is to be done at once; everybody else stands still. Resolves to how soon to look again. */
  rest: () => Promise<number | undefined>;
  /** Everybody does what they can, second by second, until `done`. */
  until: (what: string, done: () => boolean) => Promise<void>;
};

function setUp(): Play {
  const bench = createBench();
  const { kube, clock, context } = bench;
  const log = silentLog();
  putTarget(kube);
  const reconciler: Reconciler = {
    act: context,
    names: createNames(DEFAULT_TOPIC_FORMAT),
    log,
    observer: { ...observerOf(bench), leaseVersion: () => undefined, isForwarderAway: async () => false },
  };
  const rest = async (): Promise<number | undefined> => {
    for (let looks = 0; looks < 50; looks += 1) {
      const delayMs = await reconcile(reconciler, KEY);
      if (delayMs !== 0) return delayMs;
    }
    return assert.fail(`it never rests: ${told(log)}`);
  };
  const until = async (what: string, done: () => boolean): Promise<void> => {
    for (let seconds = 0; seconds < 60 && !done(); seconds += 1) {
      await rest();
      everybodyElse(kube);
      await clock.advance(1000);
    }
    assert.ok(done(), `${what}; ${told(log)}`);
  };
  return { ...bench, reconciler, log, rest, until };
}

function told(log: ReturnType<typeof silentLog>): string {
  return log.entries
    .slice(-8)
    .map(({ facts }) => JSON.stringify(facts))
    .join('\n');
}

const sessionOf = ({ kube }: Bench): SplitSession | undefined => kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE);
const splitOf = ({ kube }: Bench): WorkloadSplit | undefined => kube.peek<WorkloadSplit>(WORKLOAD_SPLITS, SPLIT);
const phaseOf = (bench: Bench): string | undefined => sessionOf(bench)?.status?.phase;
const statusWrites = ({ kube }: Bench): string[] => kube.writes.filter((write) => write.startsWith('patch '));

async function ready(): Promise<Play> {
  const play = setUp();
  putSession(play.kube, 'alice');
  await play.until('alice is Ready', () => phaseOf(play) === 'Ready');
  return play;
}

const deleteSession = ({ kube }: Bench): Promise<boolean> => kube.delete(SPLIT_SESSIONS, ALICE);
const waitsFor = (play: Play): string =>
  splitOf(play)?.status?.conditions?.find(({ type }) => type === 'Progressing')?.message ?? '';
const isOver = (play: Play): boolean => sessionOf(play) === undefined && splitOf(play) === undefined;

describe('the life of a split', () => {
  it('begins with a session and ends with nothing left', async () => {
    const play = await ready();
    assert.equal(play.webhook.registered, true);
    assert.equal(play.brokers.SQS.queues.size, 2);
    assert.deepEqual(
      sessionOf(play)?.status?.environment?.map(({ variable }) => variable),
      ['ORDERS_QUEUE'],
    );
    await deleteSession(play);
    await play.until('all is put back', () => isOver(play));
    assert.equal(play.brokers.SQS.queues.size, 0);
    assert.equal(play.webhook.registered, false);
    const pods = play.kube.all(PODS).map(({ metadata }) => metadata.labels?.[PATCHED_LABEL]);
    assert.deepEqual(pods, [undefined, undefined]);
    assert.deepEqual(
      play.announced.filter((event) => event.includes('alice')),
      ['Pending', 'Preparing', 'Restarting', 'CuttingOver', 'Ready', 'Ending'].map((phase) => `Normal ${phase} alice`),
    );
  });

  it('is quiet when nothing happens: no write at all in a minute', async () => {
    const play = await ready();
    await play.rest();
    const before = play.kube.writes.length;
    for (let seconds = 0; seconds < 60; seconds += 1) {
      await play.rest();
      await play.clock.advance(1000);
    }
    assert.deepEqual(play.kube.writes.slice(before), []);
  });

  it('writes few statuses while it comes up', async () => {
    const play = await ready();
    const sessions = statusWrites(play).filter((write) => write.includes('splitsessions'));
    assert.ok(sessions.length <= 10, sessions.join('\n'));
  });

  it('says every action in one readable line with the target, and nothing of filters', async () => {
    const play = await ready();
    const said = play.log.entries.filter(({ level }) => level === 'info');
    assert.ok(said.length >= 8);
    for (const { facts, message } of said) assert.doesNotMatch(JSON.stringify([facts, message]), /alice\$|tenant/);
    assert.deepEqual(said[0], {
      level: 'info',
      facts: { ...KEY, phase: undefined, action: 'CreateSplit' },
      message: 'a split begins',
    });
    const phases = said.map(({ message }) => message).filter((message) => /→/.test(String(message)));
    assert.deepEqual(phases, [
      'Preparing → Patching: the environment of the pods is complete',
      'Patching → Splitting: every pod of the target is patched',
    ]);
  });

  it('does not say that something was done which failed', async () => {
    const play = setUp();
    putSession(play.kube, 'alice');
    play.kube.fail('create workloadsplits', refusal(403, 'Forbidden', 'not allowed'));
    await assert.rejects(play.rest());
    assert.deepEqual(
      play.log.entries.map(({ level, message }) => [level, message]),
      [['debug', 'begins']],
    );
  });
});

describe('how soon to look again', () => {
  it('is never when nothing is there, and only on change when nothing is waited for', async () => {
    const play = setUp();
    assert.equal(await reconcile(play.reconciler, KEY), undefined);
    assert.deepEqual(play.kube.writes, []);
  });

  it('is at once after an action, and after a pause when something is waited for', async () => {
    const play = setUp();
    putSession(play.kube, 'alice');
    assert.equal(await reconcile(play.reconciler, KEY), 0);
    assert.equal(await play.rest(), 1000);
  });

  it('is never later than the next heartbeat', async () => {
    const play = await ready();
    const before = await play.rest();
    putSession(play.kube, 'bob', { heartbeat: { timeoutSeconds: 5 } });
    await play.rest();
    await play.clock.advance(4_000);
    const delay = (await play.rest()) ?? Number.POSITIVE_INFINITY;
    assert.ok(before !== undefined && delay <= 1000, `${before} ${delay}`);
  });
});

describe('somebody else was faster', () => {
  it('when the session was deleted in the middle of a look: it is an error of this look, and the next one is right', async () => {
    const play = setUp();
    putSession(play.kube, 'alice');
    play.kube.put(SPLIT_SESSIONS, { ...sessionOf(play), metadata: { ...ALICE, finalizers: [] } } as never);
    play.kube.before('patch splitsessions', () => play.kube.remove(SPLIT_SESSIONS, ALICE));
    await assert.rejects(reconcile(play.reconciler, KEY), isLostRace);
    await play.rest();
    assert.equal(isOver(play), true);
  });

  it('when the split was written by another controller: nothing of this decision is done', async () => {
    const play = await ready();
    await deleteSession(play);
    play.kube.before('update workloadsplits', () => {
      const split = splitOf(play);
      if (split)
        play.kube.put(WORKLOAD_SPLITS, { ...split, spec: { ...split.spec, revision: split.spec.revision + 1 } });
    });
    await assert.rejects(reconcile(play.reconciler, KEY), { code: 'Conflict', retryable: true });
    await play.until('all is put back', () => isOver(play));
  });

  it('when this controller slept so long that another one may lead: it does nothing more, also not at a broker', async () => {
    const play = setUp();
    putSession(play.kube, 'alice');
    await play.until('queues are planned', () => (splitOf(play)?.spec.resources.length ?? 0) > 0);
    const before = { writes: play.kube.writes.length, queues: play.brokers.SQS.queues.size };
    await deleteSession(play);
    play.context.isLeading = () => false;
    await assert.rejects(reconcile(play.reconciler, KEY), isLostRace);
    const acted = play.kube.writes.slice(before.writes).filter((write) => !write.startsWith('delete splitsessions'));
    assert.deepEqual([acted, play.brokers.SQS.queues.size], [[], before.queues]);
  });

  it('when the split was torn away with its finalizer: its session fails, for the pods still read the old queues', async () => {
    const play = await ready();
    play.kube.remove(WORKLOAD_SPLITS, SPLIT);
    await play.rest();
    assert.deepEqual([sessionOf(play)?.status?.phase, sessionOf(play)?.status?.reason], ['Failed', 'ForeignPatch']);
    assert.equal(splitOf(play), undefined);
  });
});

describe('what goes wrong', () => {
  it('is an error that can be read in the status, and is tried again', async () => {
    const play = setUp();
    putSession(play.kube, 'alice');
    const denied = refusal(403, 'Forbidden', 'not allowed to patch deployments');
    play.kube.fail('patch deployments', denied, 2);
    await assert.rejects(
      play.until('alice is Ready', () => phaseOf(play) === 'Ready'),
      denied,
    );
    assert.match(sessionOf(play)?.status?.message ?? '', /not allowed to patch deployments/);
    await assert.rejects(play.rest(), denied);
    await play.until('alice is Ready', () => phaseOf(play) === 'Ready');
  });

  it('at the broker is waited for, and stops nothing else', async () => {
    const play = setUp();
    putSession(play.kube, 'alice');
    play.brokers.SQS.failure = new SplitterError('BrokerUnreachable', 'no answer', { retryable: true });
    await play.rest();
    assert.equal(sessionOf(play)?.status?.message, 'temporary queues: no answer');
    play.brokers.SQS.failure = undefined;
    await play.until('alice is Ready', () => phaseOf(play) === 'Ready');
  });

  it('while the target drains is told, so that nobody waits for a count that never comes', async () => {
    const play = await ready();
    await deleteSession(play);
    await play.until('it drains', () => splitOf(play)?.spec.phase === 'Draining');
    play.brokers.SQS.failure = new SplitterError('PermissionDenied', 'sqs:GetQueueAttributes is not granted');
    await play.until('it is said', () => /unknown number.*sqs:GetQueueAttributes is not/.test(waitsFor(play)));
    assert.equal(splitOf(play)?.spec.phase, 'Draining');
    play.brokers.SQS.failure = undefined;
    await play.until('all is put back', () => isOver(play));
  });

  it('for longer than a restart may take fails the session with the cause', async () => {
    const play = setUp();
    putSession(play.kube, 'alice');
    play.brokers.SQS.failure = new SplitterError('BrokerUnreachable', 'no answer', { retryable: true });
    for (let seconds = 0; seconds < 70; seconds += 1) {
      await play.rest();
      await play.clock.advance(1000);
    }
    const { phase, reason, message } = sessionOf(play)?.status ?? {};
    assert.deepEqual([phase, reason], ['Failed', 'BrokerUnreachable']);
    assert.match(message ?? '', /did not work for 60 s: no answer/);
  });
});

it('a namespace that is going takes everything of its split with it, without a restart', async () => {
  const play = await ready();
  play.kube.put(NAMESPACES, { metadata: { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' } });
  removeTarget(play.kube);
  await deleteSession(play);
  await play.kube.delete(WORKLOAD_SPLITS, SPLIT);
  const before = play.kube.writes.length;
  for (let seconds = 0; seconds < 60 && !isOver(play); seconds += 1) {
    await play.rest();
    everybodyElse(play.kube);
    await play.clock.advance(1000);
  }
  assert.equal(isOver(play), true);
  assert.equal(play.brokers.SQS.queues.size, 0);
  assert.doesNotMatch(play.kube.writes.slice(before).join('\n'), /deployments/);
});

it('a session with a finalizer of somebody else stays theirs', async () => {
  const play = await ready();
  const session = sessionOf(play);
  play.kube.put(SPLIT_SESSIONS, {
    ...session,
    metadata: { ...session?.metadata, finalizers: ['other/one', FINALIZER] },
  } as never);
  await deleteSession(play);
  await play.until('the split is gone', () => splitOf(play) === undefined);
  assert.deepEqual(sessionOf(play)?.metadata.finalizers, ['other/one']);
});
