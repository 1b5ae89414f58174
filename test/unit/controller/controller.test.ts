// The leader's loop on an API in memory: what wakes a target, how often everything is looked at, and that it ends.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SESSION_LABEL, WEBHOOK_CONFIGURATION_NAME } from '../../../api/constants.ts';
import type { SplitSession } from '../../../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import {
  LEASES,
  PODS,
  SPLIT_SESSIONS,
  WEBHOOK_CONFIGURATIONS,
  WORKLOAD_SPLITS,
} from '../../../common/kube/resources.ts';
import { registry } from '../../../common/metrics/registry.ts';
import { sessionMetrics } from '../../../common/metrics/sessions.ts';
import { DEFAULT_TOPIC_FORMAT } from '../../../common/naming/kafka.ts';
import { NO_PROJECTOR } from '../../../controller/compat/projector.ts';
import { runController } from '../../../controller/controller.ts';
import { createNames } from '../../../controller/names.ts';
import { markUninstalling, UNINSTALLING_LEASE } from '../../../controller/uninstalling.ts';
import { settled } from '../common/fake-clock.ts';
import { silentLog } from '../common/silent-log.ts';
import { type Bench, createBench, OPERATOR, putPod, putSession } from './bench.ts';
import { refusal } from './fake-kube.ts';
import { everybodyElse, observerOf, putTarget, SPLIT } from './play.ts';

const ALICE = { name: 'alice', namespace: 'shop' };
const MARK = { name: UNINSTALLING_LEASE, namespace: OPERATOR };

type Running = Bench & {
  log: ReturnType<typeof silentLog>;
  repairs: () => number;
  /** Time passes; everybody else does what they can every second. */
  pass: (seconds: number) => Promise<void>;
  until: (what: string, done: () => boolean) => Promise<void>;
  end: () => Promise<void>;
};

function start(prepare: (bench: Bench) => void = () => undefined): Running {
  const bench = createBench();
  const { kube, clock, context } = bench;
  const log = silentLog();
  let repairs = 0;
  context.webhook.repair = async () => {
    repairs += 1;
    return false;
  };
  putTarget(kube);
  kube.put(WEBHOOK_CONFIGURATIONS, { metadata: { name: WEBHOOK_CONFIGURATION_NAME } });
  prepare(bench);
  const stop = new AbortController();
  const names = createNames(DEFAULT_TOPIC_FORMAT);
  const { settings, ...observer } = observerOf(bench);
  const options = {
    act: context,
    observer,
    settings: settings(),
    names,
    garbage: undefined,
    projector: NO_PROJECTOR,
    clock,
    log,
  };
  const running = runController(options, stop.signal);
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      everybodyElse(kube);
      await clock.advance(1000);
      for (let ticks = 0; ticks < 40; ticks += 1) await settled();
    }
  };
  const until = async (what: string, done: () => boolean): Promise<void> => {
    for (let seconds = 0; seconds < 60 && !done(); seconds += 1) await pass(1);
    assert.ok(done(), `${what}; ${JSON.stringify(log.entries.slice(-5))}`);
  };
  const end = (): Promise<void> => {
    stop.abort();
    return running;
  };
  return { ...bench, log, repairs: () => repairs, pass, until, end };
}

const sessionOf = ({ kube }: Bench): SplitSession | undefined => kube.peek<SplitSession>(SPLIT_SESSIONS, ALICE);
const splitOf = ({ kube }: Bench): WorkloadSplit | undefined => kube.peek<WorkloadSplit>(WORKLOAD_SPLITS, SPLIT);

async function ready(): Promise<Running> {
  const running = start(({ kube }) => putSession(kube, 'alice'));
  await running.until('alice is Ready', () => sessionOf(running)?.status?.phase === 'Ready');
  return running;
}

describe('the leader', () => {
  it('finds what is there, and what comes later', async () => {
    const running = await ready();
    putSession(running.kube, 'bob');
    const bob = () => running.kube.peek<SplitSession>(SPLIT_SESSIONS, { ...ALICE, name: 'bob' })?.status?.phase;
    await running.until('bob is Ready', () => bob() === 'Ready');
    await running.end();
  });

  it('ends everything when its term ends, and does nothing afterwards', async () => {
    const running = await ready();
    await running.end();
    const writes = running.kube.writes.length;
    putSession(running.kube, 'bob');
    await running.pass(30);
    assert.deepEqual([running.kube.writes.length, running.clock.timers], [writes, []]);
  });

  it('speaks no more of sessions, splits and left-overs when its term ends: the next leader does', async () => {
    const running = await ready();
    sessionMetrics.orphans.inc({ kind: 'Split' });
    const shown = async () =>
      (await registry.metrics()).split('\n').filter((line) => /^queue_splitter_(sessions|splits|orphans)\{/.test(line));
    assert.equal((await shown()).length, 3);
    await running.end();
    assert.deepEqual(await shown(), []);
  });

  it('ends also when it never got to list anything', async () => {
    const away = refusal(403, 'Forbidden', 'not allowed to list splitsessions');
    const running = start(({ kube }) => kube.fail('list splitsessions', away, 1000));
    await running.pass(5);
    await running.end();
    assert.deepEqual(running.kube.writes, []);
  });

  it('writes nothing at all in a quiet minute', async () => {
    const running = await ready();
    await running.pass(5);
    const before = running.kube.writes.length;
    await running.pass(60);
    assert.deepEqual(running.kube.writes.slice(before), []);
    await running.end();
  });

  it('puts everything back when the last session goes', async () => {
    const running = await ready();
    await running.kube.delete(SPLIT_SESSIONS, ALICE);
    await running.until('all is put back', () => !sessionOf(running) && !splitOf(running));
    assert.equal(running.brokers.SQS.queues.size, 0);
    await running.end();
  });
});

describe('a target is looked at again', () => {
  it('later and later while it fails, with one warning, and says when it works', async () => {
    const denied = refusal(403, 'Forbidden', 'not allowed to read namespaces');
    const running = start(({ kube }) => {
      kube.fail('get namespaces', denied, 12);
      putSession(kube, 'alice');
    });
    const told = (level: string): unknown[] =>
      running.log.entries.filter((entry) => entry.level === level).map(({ message }) => message);
    await running.pass(5);
    assert.deepEqual(told('warn'), ['processing failed and is tried again until it works']);
    await running.until('alice is Ready', () => sessionOf(running)?.status?.phase === 'Ready');
    assert.ok(told('info').includes('works again'));
    await running.end();
  });

  it('at once when a patched pod comes that nobody asked for, and a stray one is replaced', async () => {
    const running = await ready();
    putPod(running.kube, 'stray', { token: 'qs-of-a-split-that-is-over' });
    await running.until('it is gone', () => !running.kube.all(PODS).some(({ metadata }) => metadata.name === 'stray'));
    assert.ok(running.announced.includes('Normal Replaced stray'));
    await running.end();
  });

  it('at the same moment when a pod of it appears that is not patched', async () => {
    const running = await ready();
    putPod(running.kube, 'unpatched');
    for (let ticks = 0; ticks < 400 && !running.announced.includes('Normal Replaced unpatched'); ticks += 1) {
      await settled();
    }
    assert.ok(running.announced.includes('Normal Replaced unpatched'), 'no time has passed');
    await running.end();
  });

  it('when the clean-up Job begins to renew its mark, and no longer when the Job was killed', async () => {
    const running = await ready();
    const renew = () => markUninstalling(running.kube, OPERATOR, 'job', running.clock.now());
    await renew();
    await running.pass(1);
    await renew();
    await running.until('the session has ended', () => !sessionOf(running) && !splitOf(running));
    putSession(running.kube, 'bob');
    const bob = () => running.kube.peek<SplitSession>(SPLIT_SESSIONS, { ...ALICE, name: 'bob' });
    await running.until('bob is told', () => bob() === undefined);
    await running.pass(45);
    await running.until('the mark is taken away', () => running.kube.peek(LEASES, MARK) === undefined);
    putSession(running.kube, 'carol');
    const carol = () => running.kube.peek<SplitSession>(SPLIT_SESSIONS, { ...ALICE, name: 'carol' })?.status?.phase;
    await running.until('carol is Ready', () => carol() === 'Ready');
    await running.end();
  });

  it('when somebody changes the webhook configuration, which is repaired', async () => {
    const running = await ready();
    const before = running.repairs();
    running.webhook.registered = false;
    running.kube.put(WEBHOOK_CONFIGURATIONS, { metadata: { name: WEBHOOK_CONFIGURATION_NAME }, webhooks: [] });
    await running.until('the entry is back', () => running.webhook.registered);
    assert.ok(running.repairs() > before);
    await running.end();
  });

  it('in time to see that a heartbeat has ended', async () => {
    const lease = (renewTime: string): object => ({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...ALICE, labels: { [SESSION_LABEL]: 'true' } },
      spec: { renewTime },
    });
    const running = start(({ kube }) => {
      putSession(kube, 'alice', { heartbeat: { timeoutSeconds: 10 } });
      kube.put(LEASES, lease('0'));
    });
    for (let count = 0; count < 15; count += 1) {
      await running.pass(2);
      running.kube.put(LEASES, lease(String(count)));
    }
    assert.equal(sessionOf(running)?.status?.phase, 'Ready');
    const isExpired = (): boolean => running.announced.includes('Warning HeartbeatExpired alice');
    await running.pass(9);
    assert.equal(isExpired(), false, 'not before its time');
    await running.pass(7);
    assert.equal(isExpired(), true, 'the change of a Lease is seen within five seconds, and so is its absence');
    await running.end();
  });
});

it('what was remembered of a session or a split goes with it, also when another one has its name', async () => {
  const running = start(({ kube }) => putSession(kube, 'alice', { heartbeat: { timeoutSeconds: 10 } }));
  await running.pass(8);
  const session = sessionOf(running);
  assert.ok(session);
  running.kube.remove(SPLIT_SESSIONS, ALICE);
  running.kube.put(SPLIT_SESSIONS, { ...session, metadata: { ...session.metadata, uid: 'another' } });
  await running.pass(8);
  assert.notEqual(sessionOf(running)?.status?.phase, 'Failed', 'it has its full time');
  await running.end();
});
