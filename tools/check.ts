// `npm run check`: everything that can be said about the code without running it. Runs all checks, prints each with its time, and reports all failures.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineTraces, repositoryFiles, timersInTests, tooLong, withoutHeader } from './checks/files.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What is wrong, for people; empty = nothing. */
type Outcome = string;
type Check = { name: string; run: () => Promise<Outcome> };

/** Everything runs under this very Node, which may be newer than the one in PATH. */
const node = (...args: string[]) => runProgram(process.execPath, args);
const tool = (name: string, ...args: string[]) => node(join('node_modules', '.bin', name), ...args);

const CHECKS: readonly Check[] = [
  { name: 'types (tsc)', run: () => tool('tsc', '--noEmit') },
  { name: 'lint and format (biome)', run: () => tool('biome', 'ci', '--colors=off') },
  { name: 'dead code and dependencies (knip)', run: () => tool('knip', '--no-progress') },
  { name: 'generated files', run: () => node('tools/generate.ts', '--check') },
  { name: 'import rule', run: () => node('--test', '--test-reporter=dot', 'test/unit/import-rule.test.ts') },
  { name: 'file length', run: async () => tooLong(await files()).join('\n') },
  { name: 'header comments', run: async () => withoutHeader(await files()).join('\n') },
  { name: 'timers in tests', run: async () => timersInTests(await files()).join('\n') },
  { name: 'machine paths and registries', run: async () => machineTraces(await files()).join('\n') },
];

let read: ReturnType<typeof repositoryFiles> | undefined;
function files(): ReturnType<typeof repositoryFiles> {
  read ??= repositoryFiles(ROOT);
  return read;
}

/** Both outputs of a program that failed. */
function runProgram(command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.once('error', (error) => resolve(`${command} cannot be run: ${error.message}`));
    child.once('close', (code, signal) => {
      const text = Buffer.concat(output).toString().trim();
      resolve(code === 0 ? '' : text || `${command} ${args.join(' ')} ended with ${code ?? signal}`);
    });
  });
}

const failures: string[] = [];
for (const { name, run } of CHECKS) {
  const startedAt = performance.now();
  const outcome = await run().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  console.log(`${outcome === '' ? '✓' : '✗'} ${name}  ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  if (outcome !== '') failures.push(`── ${name}\n${outcome}`);
}
if (failures.length > 0) {
  console.error(`\n${failures.join('\n\n')}\n\n${failures.length} of ${CHECKS.length} checks failed.`);
  process.exitCode = 1;
}
