import assert from 'node:assert/strict';
import { test } from 'node:test';
import packageJson from '../../../package.json' with { type: 'json' };
import { ExecBench } from './support/exec-bench.ts';

test('help and version go to stdout and are no failure', async (t) => {
  const bench = new ExecBench(t);
  assert.equal(await bench.run(['--version']), 0);
  assert.equal(bench.stdout, `${packageJson.version}\n`);
  assert.equal(await bench.run(['exec', '--help']), 0);
  assert.match(bench.stdout, /qsplit exec \[options\] -- COMMAND/);
  assert.equal(bench.stderr, '');
});

test('a command line that cannot be understood is an error of ours', async (t) => {
  const bench = new ExecBench(t);
  for (const args of [
    ['frobnicate'],
    ['exec'],
    ['status', '--what'],
    ['exec', '--timeout', 'soon', '--', 'true'],
    ['exec', '--via', 'x', '--', 'true'],
  ]) {
    assert.equal(await bench.run(args), 125, args.join(' '));
  }
  assert.match(bench.stderr, /Write for example 90s, 5m or 1m30s/);
});

test('the command’s own options are its own', async (t) => {
  const bench = new ExecBench(t);
  await bench.run([
    'exec',
    '-f',
    'mirrord.json',
    '--yes',
    ...bench.node(`put('args', process.argv.slice(1).join(' '))`),
    '--',
    '-n',
    '--yes',
  ]);
  assert.equal(bench.read('args'), '-n --yes');
});
