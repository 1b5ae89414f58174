// The command line of `npm test`. Pure.
import { parseArgs } from 'node:util';
import { SUITES, type Suite } from './suites.ts';

export type RunOptions = {
  suites: Suite[];
  /** An existing cluster instead of the built-in one. */
  kubeconfig: string | undefined;
  seed: number;
  /** Only a sample of the full suite, of so many milliseconds. */
  sampleMs: number | undefined;
};

export type Command = { type: 'run'; options: RunOptions } | { type: 'help' } | { type: 'clean' };

export const HELP = `npm test -- [options]

  --only unit,helm,…   only these suites: ${SUITES.map(({ name }) => name).join(', ')}
  --full               also the full suite (test/full), which takes long
  --sample 300s        instead of everything: files of the full suite, chosen by the seed, until the time is over
  --kubeconfig PATH    cluster tests use this cluster, which should be empty, instead of the built-in one
  --seed N             seed of random choices; printed at the start of every run
  --clean              removes everything that was downloaded and built, and runs nothing
  --help
`;

/** @throws Error in a sentence for people. */
export function parseCommand(args: readonly string[], randomSeed: number): Command {
  const values = parseOptions(args);
  if (values.help) return { type: 'help' };
  if (values.clean) return { type: 'clean' };
  const sampleMs = values.sample === undefined ? undefined : parseDuration(values.sample);
  return {
    type: 'run',
    options: {
      suites: sampleMs === undefined ? chooseSuites(values.only, values.full === true) : chooseSuites('full', true),
      kubeconfig: values.kubeconfig,
      seed: values.seed === undefined ? randomSeed : parseSeed(values.seed),
      sampleMs,
    },
  };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        full: { type: 'boolean' },
        sample: { type: 'string' },
        kubeconfig: { type: 'string' },
        seed: { type: 'string' },
        clean: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}. The options are in: npm test -- --help`);
  }
}

function chooseSuites(only: string | undefined, full: boolean): Suite[] {
  if (only === undefined) return SUITES.filter(({ optional }) => full || optional !== true);
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    throw new Error(`There is no suite ${unknown.join(', ')}; there are ${SUITES.map(({ name }) => name).join(', ')}.`);
  }
  return SUITES.filter(({ name }) => names.includes(name));
}

/** `300s`, `5m` or `300` (seconds) in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+)(s|m)?$/.exec(text);
  if (!match) throw new Error(`"${text}" is no duration; write for example 300s or 5m.`);
  return Number(match[1]) * (match[2] === 'm' ? 60_000 : 1000);
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff)
    throw new Error(`"${text}" is no seed; write a whole number.`);
  return seed;
}

/** The same order for the same seed, whatever order the names come in. */
export function shuffled(names: readonly string[], seed: number): string[] {
  let state = seed >>> 0;
  // mulberry32: a small generator with a state of 32 bits.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return names
    .toSorted()
    .map((name) => ({ name, key: next() }))
    .toSorted((one, other) => one.key - other.key)
    .map(({ name }) => name);
}
