// Model-based test of two forwarder replicas, each of which may be cut off from the API server, stand still or die at any moment: `decide`, the
// product's own replicas and their SQS data path against messages that are counted one by one (ADR 6). QUEUE_SPLITTER_MODEL_RUNS multiplies the runs.
// Without any one of these it fails: the question to the API server after a Lease that had run out, or its answer; the silent, and the unknown, as
// those who may still send, for moves and for "Stopped"; no forwarding on the way back; the end of their time; the bound of a replica that is cut
// off; the second look at the right to write, between a copy's acknowledgement and the deletion of its original.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../random.ts';
import { Crowd } from './crowd/crowd.ts';
import { replaceStrayPods } from './world/garbage.ts';
import { assertRestored } from './world/promises.ts';

const RUNS = Number(process.env['QUEUE_SPLITTER_MODEL_RUNS'] ?? '1');
const SQS_IDS = ['orders', 'invoices'] as const;
type Id = (typeof SQS_IDS)[number];
type Step = { label: string; run: (crowd: Crowd) => Promise<void> | void };

/** Far above what any run needs. */
const TURNS = 1500;
/** Longer than every pause of the controller and of the pipelines. */
const QUIET_TURNS = 20;

/** Some time in which everybody else does what they can. */
async function turn(crowd: Crowd, ms = 2000): Promise<boolean> {
  const { consumed } = crowd.broker;
  const acted = crowd.reconcile();
  for (let part = 0; part < 4; part += 1) {
    await crowd.live(ms / 4);
    crowd.target.consume();
    crowd.consumeSessions();
  }
  crowd.rollout('fresh');
  replaceStrayPods(crowd);
  return acted || crowd.broker.consumed > consumed || crowd.target.facts()?.rolloutComplete === false;
}

async function calmDown(crowd: Crowd): Promise<void> {
  let quiet = 0;
  for (let count = 0; count < TURNS; count += 1) {
    quiet = (await turn(crowd)) ? 0 : quiet + 1;
    if (quiet >= QUIET_TURNS && crowd.split === undefined) return;
  }
  const { phase, queues } = crowd.split?.spec ?? {};
  const told = JSON.stringify([phase, queues?.map(({ forwarding }) => forwarding), crowd.split?.status]);
  assert.fail(`it never comes to rest: ${told}`);
}

/** Everything in its place: nothing of ours is left, and every message was read or lies in its original. */
async function end(crowd: Crowd): Promise<void> {
  for (const name of crowd.sessions.keys()) crowd.deleteSession(name);
  await calmDown(crowd);
  assertRestored(crowd);
  crowd.messages.assertNothingLost('at the end');
}

async function begin(ids: readonly Id[]): Promise<Crowd> {
  const crowd = new Crowd();
  crowd.addSession('alice', ids);
  for (let count = 0; count < 40 && crowd.sessions.get('alice')?.status?.phase !== 'Ready'; count += 1)
    await turn(crowd);
  assert.equal(crowd.sessions.get('alice')?.status?.phase, 'Ready', crowd.log.join(' · '));
  return crowd;
}

/** Faults of the holder are the interesting ones. */
const who = fc.constantFrom('holder' as const, 'holder' as const, 'other' as const);
type Who = 'holder' | 'other';

function indexOf(crowd: Crowd, which: Who): number {
  const holder = crowd.replicas.findIndex(({ name }) => name === crowd.holder);
  return which === 'holder' ? Math.max(holder, 0) : Number(holder < 1);
}

const lag = fc.constantFrom(0, 0, 8_000);
const step = (label: string, run: Step['run']): fc.Arbitrary<Step> => fc.constant({ label, run });
const ofReplica = (what: string, run: (crowd: Crowd, index: number) => void): fc.Arbitrary<Step> =>
  who.map((which) => ({ label: `${which} ${what}`, run: (crowd) => run(crowd, indexOf(crowd, which)) }));

const goOn: fc.Arbitrary<Step> = fc
  .record({
    turns: fc.constantFrom(1, 3, 8, 15),
    ms: fc.constantFrom(400, 2000),
    messages: fc.constantFrom(0, 1, 3),
  })
  .map((how) => ({
    label: JSON.stringify(how),
    run: async (crowd) => {
      for (let count = 0; count < how.turns; count += 1) {
        for (let made = 0; made < how.messages; made += 1) for (const id of SQS_IDS) crowd.broker.produce(id);
        await turn(crowd, how.ms);
      }
    },
  }));

/** A send is under way while its sender stands still, until others have taken over; perhaps a session ends meanwhile. */
const nap: fc.Arbitrary<Step> = fc
  .record({
    sendMs: fc.constantFrom(0, 40_000, 55_000),
    apiMs: fc.constantFrom(0, 4000),
    turns: fc.integer({ min: 8, max: 14 }),
    goes: fc.constantFrom(undefined, 'alice', 'all'),
    lag,
    lastFirst: fc.boolean(),
  })
  .map((how) => ({
    label: `the holder takes a nap ${JSON.stringify(how)}`,
    run: async (crowd) => {
      const index = indexOf(crowd, 'holder');
      const { machine } = crowd.replica(index);
      Object.assign(machine, { sendMs: how.sendMs, apiMs: how.apiMs });
      for (let count = 0; count < 4; count += 1) for (const id of SQS_IDS) crowd.broker.produce(id);
      await crowd.live(200);
      machine.isFrozen = true;
      for (const name of crowd.sessions.keys()) if (how.goes === 'all' || how.goes === name) crowd.deleteSession(name);
      for (let count = 0; count < how.turns; count += 1) await turn(crowd);
      crowd.thaw(index, how.lag, how.lastFirst);
    },
  }));

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: goOn },
  {
    weight: 2,
    arbitrary: fc.constantFrom(500, 16_000, 40_000).map((ms) => ({
      label: `${ms} ms without a controller`,
      run: (crowd: Crowd) => crowd.live(ms),
    })),
  },
  { weight: 2, arbitrary: step('reconcile, killed', (crowd) => void crowd.reconcile(0, true)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('alice', 'bob', 'carol'), fc.subarray([...SQS_IDS], { minLength: 1 }))
      .map(([who, ids]) => ({ label: `${who} comes for ${ids}`, run: (crowd: Crowd) => crowd.addSession(who, ids) })),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom('alice', 'alice', 'bob', 'carol')
      .map((who) => ({ label: `${who} goes`, run: (crowd: Crowd) => crowd.deleteSession(who) })),
  },
  { weight: 1, arbitrary: step('the target is deleted', (crowd) => crowd.target.delete()) },
  {
    weight: 3,
    arbitrary: ofReplica('is cut off', (crowd, which) => {
      crowd.replica(which).machine.isCutOff = true;
    }),
  },
  {
    weight: 3,
    arbitrary: ofReplica('stands still', (crowd, which) => {
      crowd.replica(which).machine.isFrozen = true;
    }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(0, 1), lag).map(([which, ms]) => ({
      label: `replica ${which} is back, its watches in ${ms} ms`,
      run: (crowd: Crowd) => crowd.connect(which, ms),
    })),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom(0, 1), lag, fc.boolean()).map(([which, ms, lastFirst]) => ({
      label: `replica ${which} goes on, its watches in ${ms} ms${lastFirst ? ', last first' : ''}`,
      run: (crowd: Crowd) => crowd.thaw(which, ms, lastFirst),
    })),
  },
  { weight: 5, arbitrary: nap },
  { weight: 1, arbitrary: ofReplica('starts anew', (crowd, which) => crowd.restart(which)) },
  { weight: 1, arbitrary: ofReplica('has a new pod', (crowd, which) => crowd.replacePod(which)) },
  {
    weight: 2,
    arbitrary: fc.tuple(who, fc.constantFrom(0, 20_000, 50_000)).map(([which, ms]) => ({
      label: `sends of the ${which} take ${ms} ms`,
      run: (crowd: Crowd) => {
        crowd.replica(indexOf(crowd, which)).machine.sendMs = ms;
      },
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(who, fc.constantFrom(0, 4000)).map(([which, ms]) => ({
      label: `the API server answers the ${which} in ${ms} ms`,
      run: (crowd: Crowd) => {
        crowd.replica(indexOf(crowd, which)).machine.apiMs = ms;
      },
    })),
  },
);

async function told(crowd: Crowd, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${crowd.log.join('\n')}`, { cause: error });
  }
}

async function play(crowd: Crowd, story: readonly Step[]): Promise<void> {
  for (const { label, run } of story) {
    crowd.log.push(`[${label}]`);
    await run(crowd);
    await crowd.live(100);
  }
}

/** `left`: a replica that stays as it is, with its Lease; the other one has to do. */
function repair(crowd: Crowd, left: number | undefined): void {
  crowd.target.recreate();
  for (const [which, { machine }] of crowd.replicas.entries()) {
    Object.assign(machine, { sendMs: 0, apiMs: 0 });
    if (which === left) continue;
    crowd.connect(which, 0);
    crowd.thaw(which, 0, false);
  }
}

test('whichever of two forwarders is cut off, stands still or dies, nothing is lost, no stranger reads, and all comes to rest', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { minLength: 5, maxLength: 25, size: 'max' }),
      fc.subarray([...SQS_IDS], { minLength: 1 }),
      fc.constantFrom(undefined, 0, 10),
      fc.constantFrom(0, 5),
      fc.constantFrom(undefined, 0, 1),
      async (story, ids, lingerSeconds, ttlSeconds, left) => {
        const crowd = await begin(ids);
        Object.assign(crowd, { lingerSeconds, ttlSeconds });
        await told(crowd, async () => {
          await play(crowd, story);
          repair(crowd, left);
          await end(crowd);
        });
      },
    ),
    { numRuns: 60 * RUNS },
  );
});
