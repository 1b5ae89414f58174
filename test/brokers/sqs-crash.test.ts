/** The SQS data path dies by SIGKILL at each named point and starts again: nothing is lost, nothing is misrouted, and only what was stored but not deleted comes twice. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SplitQueue } from '../../api/kinds/workload-split.ts';
import { CRASH_POINT_VARIABLE } from '../../common/crash-points.ts';
import { type Place as Host, localPlace } from '../testbed/brokers/place.ts';
import { type SqsEmulator, startFauxqs } from '../testbed/brokers/sqs.ts';
import type { Supervised } from '../testbed/processes.ts';
import { openRun, type Run } from '../testbed/runs.ts';
import { waitFor } from '../testbed/wait.ts';
import {
  createQueue,
  type Numbered,
  type Place,
  routeTo,
  send,
  splitQueue,
  takeIds,
  text,
  waitForCount,
} from './sqs-support.ts';

const PROGRAM = join(import.meta.dirname, 'sqs-pipeline-program.ts');
const VISIBILITY_SECONDS = 2;
const SETTINGS = { waitSeconds: 1, visibilitySeconds: VISIBILITY_SECONDS, confirmEmptyMs: 500, maxSends: 4 };
const TOTAL = 500;
/** Calls that were under way when the process died may each have stored a batch whose originals were not deleted yet. */
const MAX_DUPLICATES = 2 * SETTINGS.maxSends * 10 * 3;

const isAlices = (id: number) => id % 2 === 0;
const messages: Numbered[] = Array.from({ length: TOTAL }, (_, id) => ({
  id,
  attributes: { tenant: text(isAlices(id) ? 'alice' : 'nobody') },
}));

describe('the SQS pipeline that is killed', () => {
  let run: Run;
  let host: Host;
  let emulator: SqsEmulator;
  let client: SQSClient;

  before(async () => {
    run = openRun();
    host = localPlace(run);
    emulator = await startFauxqs(host);
    client = emulator.client();
  });
  after(async () => {
    client?.destroy();
    await run?.destroy();
  });

  const start = (queue: SplitQueue, crashPoint = ''): Promise<Supervised> =>
    host.start(process.execPath, [PROGRAM, JSON.stringify(queue), JSON.stringify(SETTINGS)], {
      name: `pipeline-${crashPoint}`,
      env: { ...process.env, ...emulator.environment, [CRASH_POINT_VARIABLE]: crashPoint },
    });

  /** Runs until the named point kills it, and proves that it was that point. */
  const runUntilKilled = async (queue: SplitQueue, crashPoint: string): Promise<void> => {
    const program = await start(queue, crashPoint);
    const reason = await program.ended;
    assert.equal(reason.signal, 'SIGKILL', program.tail());
    assert.ok(program.tail().includes(`crash-point ${crashPoint.split(':')[0]}`), program.tail());
  };

  const setUp = async () => {
    const [original, fallback, alice] = await Promise.all(
      ['orders', 'fallback', 'alice'].map((name) => createQueue(client, name)),
    );
    assert.ok(original && fallback && alice);
    return {
      original,
      fallback,
      alice,
      queue: splitQueue(original, fallback, [routeTo('alice', { tenant: 'alice' }, alice)]),
    };
  };

  /** Every number is there; returns how many are there more than once. */
  const assertAllThere = (ids: readonly number[], expected: readonly number[]): number => {
    assert.deepEqual([...new Set(ids)], expected);
    return ids.length - expected.length;
  };

  for (const crashPoint of ['sqs.before-send:3', 'sqs.between-send-and-delete:4', 'sqs.after-delete:2']) {
    it(`loses and misroutes nothing when it dies at ${crashPoint}`, async () => {
      const { original, fallback, alice, queue } = await setUp();
      await send(client, original, messages);
      await runUntilKilled(queue, crashPoint);
      const second = await start(queue);
      await waitForCount(client, original, 0, 30_000);
      await second.stop();
      const ids = messages.map(({ id }) => id);
      const duplicates =
        assertAllThere(await takeIds(client, alice), ids.filter(isAlices)) +
        assertAllThere(
          await takeIds(client, fallback),
          ids.filter((id) => !isAlices(id)),
        );
      assert.ok(duplicates <= MAX_DUPLICATES, `${duplicates} duplicates`);
      if (crashPoint.startsWith('sqs.between')) assert.ok(duplicates > 0, 'the point lies where duplicates come from');
    });
  }

  it('loses nothing when it dies while it moves the left-overs of an ended session', async () => {
    const { fallback, alice, queue } = await setUp();
    const left = messages.slice(0, 100);
    await send(client, alice as Place, left);
    const ending = { ...queue, routes: queue.routes.map((route) => ({ ...route, ending: true })) };
    await runUntilKilled(ending, 'move.between-send-and-delete:3');
    const second = await start(ending);
    await waitFor('the left-overs to be reported', () => second.tail(200).includes('"returned"'), {
      deadlineMs: 30_000,
    });
    await second.stop();
    await waitForCount(client, alice, 0);
    const duplicates = assertAllThere(
      await takeIds(client, fallback),
      left.map(({ id }) => id),
    );
    assert.ok(duplicates > 0 && duplicates <= 40, `${duplicates} duplicates`);
  });
});
