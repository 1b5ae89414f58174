// Who forwards a split: the table of cases, and the race among replicas that all decide by the same rule.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideOwnership, type OwnershipFacts, preference } from '../../../sidecar/ownership.ts';
import { fc } from '../../random.ts';

const facts = (more: Partial<OwnershipFacts>): OwnershipFacts => ({
  me: 'me',
  splitUid: 'split',
  holder: undefined,
  isRunning: false,
  replicas: new Map([['me', 0]]),
  ownerlessForMs: 0,
  stepMs: 2_000,
  ...more,
});
const two = (mine: number, others: number) =>
  new Map([
    ['me', mine],
    ['other', others],
  ]);

describe('decideOwnership', () => {
  it('keeps what it runs and holds', () => {
    assert.deepEqual(decideOwnership(facts({ holder: 'me', isRunning: true })), { type: 'Keep' });
  });

  it('keeps it too while it cannot see who lives: the API may be away', () => {
    assert.deepEqual(decideOwnership(facts({ holder: 'me', isRunning: true, replicas: undefined })), { type: 'Keep' });
  });

  it('begins afresh with what it held before its process was restarted', () => {
    assert.deepEqual(decideOwnership(facts({ holder: 'me' })), { type: 'Take' });
  });

  it('writes itself down again when the status has vanished', () => {
    assert.deepEqual(decideOwnership(facts({ isRunning: true })), { type: 'Take' });
  });

  it('leaves at once what another holds, dead or alive', () => {
    assert.deepEqual(decideOwnership(facts({ holder: 'other', isRunning: true })), { type: 'Leave' });
    assert.deepEqual(decideOwnership(facts({ holder: 'other', isRunning: true, replicas: two(1, 1) })), {
      type: 'Leave',
    });
  });

  it('does not touch what a living replica holds', () => {
    assert.deepEqual(decideOwnership(facts({ holder: 'other', replicas: two(0, 9) })), { type: 'Ignore' });
  });

  it('declares nobody dead while it would not see a sign of life', () => {
    assert.deepEqual(decideOwnership(facts({ holder: 'other', replicas: undefined })), { type: 'Ignore' });
    assert.deepEqual(decideOwnership(facts({ replicas: undefined })), { type: 'Ignore' });
  });

  it('takes what nobody holds when it is the least loaded', () => {
    assert.deepEqual(decideOwnership(facts({ replicas: two(1, 2) })), { type: 'Take' });
  });

  it('lets a less loaded replica come first, but not for ever', () => {
    assert.deepEqual(decideOwnership(facts({ replicas: two(2, 1) })), { type: 'Wait', ms: 2_000 });
    assert.deepEqual(decideOwnership(facts({ replicas: two(2, 1), ownerlessForMs: 500 })), { type: 'Wait', ms: 1_500 });
    assert.deepEqual(decideOwnership(facts({ replicas: two(2, 1), ownerlessForMs: 2_000 })), { type: 'Take' });
  });

  it('takes over from the dead', () => {
    assert.deepEqual(decideOwnership(facts({ holder: 'dead' })), { type: 'Take' });
  });

  it('lets exactly one of the living replicas take at once, and each of them in the end', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(names, fc.string(), fc.infiniteStream(fc.nat(3)), (replicaNames, splitUid, loads) => {
        const replicas = new Map(replicaNames.map((name) => [name, loads.next().value ?? 0]));
        const decisions = (ownerlessForMs: number) =>
          replicaNames.map((me) => decideOwnership(facts({ me, splitUid, replicas, ownerlessForMs })).type);
        assert.equal(decisions(0).filter((type) => type === 'Take').length, 1);
        assert.ok(decisions(2_000 * replicaNames.length).every((type) => type === 'Take'));
      }),
    );
  });
});

describe('preference', () => {
  it('is the same for all, least loaded first, and spreads equal ones over the splits', () => {
    assert.equal(preference('x', two(3, 1))[0], 'other');
    const first = new Set(Array.from({ length: 20 }, (_, index) => preference(`split-${index}`, two(0, 0))[0]));
    assert.deepEqual([...first].sort(), ['me', 'other']);
  });
});
