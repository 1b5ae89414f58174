// What the tests of one file play on together: a stage that is opened before them and closed after them, the sessions that they make, and the
// verdict over all of it at the end.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Allowance, Snapshot } from '../../checker/snapshot.ts';
import { closeStage } from './logs.ts';
import { createSession, type PlayedSession, type SessionRequest } from './session.ts';
import { untilSettled } from './settled.ts';
import { openStage, type Stage, type StageOptions } from './stage.ts';
import { ALLOWED, assertClean, assertRestored, historyOf, NEW_FORWARDERS, snapshotWorld } from './verdict.ts';

export type Play = {
  readonly stage: Stage;
  /** Both kinds, or SQS alone where there is no Kafka. */
  readonly kinds: readonly ('SQS' | 'Kafka')[];
  /** A session that the verdict will know of. */
  session(request: SessionRequest): Promise<PlayedSession>;
  /** Ends the play: every message was handled as it should be, and the world is as it was before. `allowed`: new forwarders unless told. */
  judge(options?: { patienceMs?: number; allowed?: readonly Allowance[] }): Promise<void>;
};

/** Call it once in a test file, outside of its tests. */
export function openPlay(options: StageOptions = {}): Play {
  let opened: Stage | undefined;
  let world: Snapshot | undefined;
  const sessions: PlayedSession[] = [];
  before(async () => {
    opened = await openStage(options);
    await untilSettled(opened);
    world = await snapshotWorld(opened);
  });
  after(() => closeStage(opened));
  const stage = (): Stage => {
    assert.ok(opened, 'the stage is not open');
    return opened;
  };
  return {
    get stage() {
      return stage();
    },
    get kinds() {
      return stage().kafka ? (['SQS', 'Kafka'] as const) : (['SQS'] as const);
    },
    async session(request) {
      const session = await createSession(stage(), request);
      sessions.push(session);
      return session;
    },
    async judge({ patienceMs, allowed = [NEW_FORWARDERS] } = {}) {
      assert.ok(world);
      await stage().finish(patienceMs);
      assertClean(historyOf(stage(), sessions));
      assertRestored(world, await snapshotWorld(stage()), [...ALLOWED, ...allowed]);
    },
  };
}
