import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCommand, parseDuration, shuffled } from '../../runner/options.ts';

function suitesOf(...args: string[]): string[] {
  const command = parseCommand(args, 1);
  assert.equal(command.type, 'run');
  return command.type === 'run' ? command.options.suites.map(({ name }) => name) : [];
}

describe('the command line of npm test', () => {
  it('runs everything but the full suite', () => {
    assert.deepEqual(suitesOf(), ['unit', 'helm', 'testbed', 'brokers', 'cluster']);
    assert.deepEqual(suitesOf('--full'), ['unit', 'helm', 'testbed', 'brokers', 'cluster', 'full']);
  });

  it('runs what is asked for, in its own order', () => {
    assert.deepEqual(suitesOf('--only', 'helm,unit'), ['unit', 'helm']);
    assert.deepEqual(suitesOf('--only', 'full'), ['full']);
  });

  it('runs nothing but the full suite for a sample, also after --full', () => {
    assert.deepEqual(suitesOf('--full', '--sample', '300s'), ['full']);
  });

  it('refuses what it does not know, with what there is', () => {
    assert.throws(() => suitesOf('--only', 'unti'), /no suite unti; there are unit, helm/);
    assert.throws(() => suitesOf('--fast'), /--fast.*npm test -- --help/);
    assert.throws(() => suitesOf('--seed', 'x'), /no seed/);
    assert.throws(() => suitesOf('--sample', 'long'), /no duration/);
  });

  it('reads durations', () => {
    assert.deepEqual([parseDuration('300s'), parseDuration('5m'), parseDuration('2')], [300_000, 300_000, 2000]);
  });
});

describe('the order of a sample', () => {
  const names = Array.from({ length: 20 }, (_, index) => `file-${index}`);

  it('follows from the seed alone', () => {
    assert.deepEqual(shuffled(names, 7), shuffled(names.toReversed(), 7));
    assert.notDeepEqual(shuffled(names, 7), shuffled(names, 8));
  });

  it('loses and doubles nothing', () => {
    assert.deepEqual(shuffled(names, 7).toSorted(), names.toSorted());
  });
});
