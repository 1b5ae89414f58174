// The runner behind `npm test`: says what it is going to do and how long that takes, runs the suites, and ends with one line of counts.
// Runs under Node 24 (tools/launch.js sees to it). It proves nothing by itself and skips nothing in silence.
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Counts, execute } from './runner/execute.ts';
import { seconds } from './runner/format.ts';
import { HELP, parseCommand, type RunOptions, shuffled } from './runner/options.ts';
import { neverUsed, RIGHTS_VARIABLE, readRights } from './runner/rights.ts';
import type { Suite } from './runner/suites.ts';
import { cleanCache } from './testbed/cache.ts';
import { openRun, sweepStale } from './testbed/runs.ts';
import { ensureKafka } from './testbed/toolchain/kafka.ts';
import { describePlan } from './testbed/toolchain/plan.ts';
import { ensurePython } from './testbed/toolchain/python.ts';

/** For tests that can use a cluster that is already there. */
const KUBECONFIG_VARIABLE = 'QUEUE_SPLITTER_KUBECONFIG';
/** For tests that choose at random. */
const SEED_VARIABLE = 'QUEUE_SPLITTER_SEED';

/** How many times longer a build may take than where the plan was measured. */
const SLOWEST_MACHINE = 4;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const write = (line: string): void => console.log(line);

type Chosen = { suite: Suite; files: string[] };

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2), Math.floor(Math.random() * 2 ** 32));
  if (command.type === 'help') return write(HELP);
  if (command.type === 'clean') {
    sweepStale();
    return write(`Removed ${Math.round((await cleanCache()) / 1e6)} MB of downloaded and built files.`);
  }
  const { options } = command;
  process.env[SEED_VARIABLE] = String(options.seed);
  if (options.kubeconfig !== undefined) process.env[KUBECONFIG_VARIABLE] = options.kubeconfig;

  const chosen = await Promise.all(options.suites.map(async (suite) => ({ suite, files: await filesOf(suite) })));
  announce(chosen, options);
  await sayWhatIsMissing(chosen);

  const shared = openRun();
  const rights = join(shared.directory, 'rights');
  process.env[RIGHTS_VARIABLE] = rights;
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const startedAt = performance.now();
  for (const { suite, files } of chosen) {
    if (files.length === 0 || interrupted.signal.aborted) continue;
    write(`\n${suite.name}`);
    const suiteStartedAt = performance.now();
    const counts = await (options.sampleMs === undefined
      ? runFiles(suite, files, interrupted.signal)
      : runSample(suite, shuffled(files, options.seed), options.sampleMs, interrupted.signal));
    write(`${suite.name}: ${describeCounts(counts)} in ${seconds(performance.now() - suiteStartedAt)}`);
    add(total, counts);
  }
  if (interrupted.signal.aborted) write('\nInterrupted.');
  else if (options.sampleMs === undefined) add(total, await judgeRights(chosen, rights));
  await shared.destroy();
  write(`\n${describeCounts(total)} in ${seconds(performance.now() - startedAt)}`);
  if (total.failed > 0 || total.passed === 0 || interrupted.signal.aborted) process.exitCode = 1;
}

/** What the chart grants to its own accounts, some test on a cluster needs: one test more, over all of them. */
async function judgeRights(chosen: readonly Chosen[], folder: string): Promise<Counts> {
  const isWhole = ['cluster', 'full'].every((name) => chosen.some(({ suite }) => suite.name === name));
  if (!isWhole || !(await ensureKafka()).available) return { passed: 0, failed: 0, skipped: 0 };
  const unused = neverUsed(await readRights(folder));
  for (const right of unused) write(`\n✗ no test on a cluster needed this right: ${right}`);
  return unused.length === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

async function filesOf(suite: Suite): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(suite.glob)) files.push(file);
  return files.toSorted();
}

function announce(chosen: readonly Chosen[], { seed, sampleMs }: RunOptions): void {
  for (const { suite, files } of chosen) {
    const time = sampleMs === undefined ? suite.usualSeconds : Math.min(suite.usualSeconds, sampleMs / 1000);
    write(
      files.length === 0
        ? `${suite.name}: no test yet`
        : `${suite.name}: ${files.length} files, usually about ${time < 90 ? `${Math.ceil(time)} seconds` : `${Math.round(time / 60)} minutes`}`,
    );
  }
  write(`Seed: ${seed}`);
  const steps = chosen.filter(({ files }) => files.length > 0).flatMap(({ suite }) => suite.plan());
  const plan = describePlan([...new Map(steps.map((step) => [step.what, step])).values()]);
  if (plan !== undefined) write(plan);
}

/** Tests that need Kafka or Python skip themselves; here it is said at the start as well, so that nobody overlooks it. */
async function sayWhatIsMissing(chosen: readonly Chosen[]): Promise<void> {
  const needsBrokers = chosen.some(({ suite, files }) => files.length > 0 && !['unit', 'helm'].includes(suite.name));
  if (!needsBrokers) return;
  const kafka = await ensureKafka();
  if (!kafka.available) write(`Tests with Kafka are skipped. ${kafka.reason} ${kafka.howToGet}`);
  const python = await ensurePython();
  if (!python.available)
    write(`Tests with moto, boto3 and librdkafka are skipped. ${python.reason} ${python.howToGet}`);
}

function runFiles(suite: Suite, files: readonly string[], signal: AbortSignal): Promise<Counts> {
  // The first file that needs something which is not built yet builds it.
  const toBuildMinutes = suite.plan().reduce((sum, { minutes }) => sum + minutes, 0);
  const fileTimeoutMs = suite.fileTimeoutMs + SLOWEST_MACHINE * toBuildMinutes * 60_000;
  return execute({ files, concurrency: suite.concurrency, fileTimeoutMs, signal, write });
}

/** One file after another until the time is over; the file that is running then may finish. */
async function runSample(
  suite: Suite,
  files: readonly string[],
  budgetMs: number,
  signal: AbortSignal,
): Promise<Counts> {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const endsAt = performance.now() + budgetMs;
  let ran = 0;
  for (const file of files) {
    if (signal.aborted || performance.now() >= endsAt) break;
    add(total, await runFiles(suite, [file], signal));
    ran += 1;
  }
  write(`  ${ran} of ${files.length} files fitted into ${seconds(budgetMs)}`);
  return total;
}

function add(total: Counts, counts: Counts): void {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

function describeCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
