// Runs test files, each in a process of its own, and tells people what happened: a line for each file, failures in full, why tests were skipped.
import { relative, resolve } from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';
import { seconds } from './format.ts';

export type Counts = { passed: number; failed: number; skipped: number };

export type ExecuteOptions = {
  files: readonly string[];
  concurrency: number;
  /** Of the whole process of a file. Node's own limit is one for each test, and does not see what lives on after them. */
  fileTimeoutMs: number;
  signal: AbortSignal;
  write: (line: string) => void;
};

/** The last characters of a file's standard error that are shown. */
const MAX_STANDARD_ERROR = 8_000;

type TestEvent = {
  name: string;
  file?: string;
  skip?: string | boolean;
  todo?: string | boolean;
  details: { error?: Error & { failureType?: string } };
};

/** Counts tests, not suites. A file that cannot be loaded or takes too long is one failure. */
export async function execute(options: ExecuteOptions): Promise<Counts> {
  const { files, concurrency, fileTimeoutMs, signal, write } = options;
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  const skips = new Map<string, number>();
  const standardError = new Map<string, string>();
  const failedFiles = new Set<string>();
  const execArgv = ['--import', new URL(`./limit.ts?milliseconds=${fileTimeoutMs}`, import.meta.url).href];
  const stream = run({ files: [...files], concurrency, signal, execArgv, isolation: 'process' });
  stream.on('test:fail', (event) => {
    if (isOnlyEcho(event)) return;
    failures.push(describeFailure(event));
    if (event.file !== undefined) failedFiles.add(resolve(event.file));
  });
  stream.on('test:pass', (event: TestEvent) => {
    if (typeof event.skip === 'string' && event.skip !== '') skips.set(event.skip, (skips.get(event.skip) ?? 0) + 1);
  });
  stream.on('test:stderr', ({ file, message }) => {
    const path = resolve(file);
    standardError.set(path, (standardError.get(path) ?? '') + message);
  });
  stream.on('test:summary', ({ file, counts: found, duration_ms: took, success }) => {
    if (file === undefined) {
      counts.passed = found.passed;
      counts.skipped = found.skipped + found.todo;
      counts.failed = found.tests - counts.passed - counts.skipped;
      return;
    }
    write(`  ${success ? '✓' : '✗'} ${relative(process.cwd(), file)}  ${found.tests} tests  ${seconds(took)}`);
  });
  await new Promise<void>((done, reject) => {
    stream.once('end', done);
    stream.once('error', reject);
    stream.resume();
  });
  for (const failure of failures) write(`\n${failure}`);
  for (const file of failedFiles) {
    const text = standardError.get(file)?.trim();
    if (text)
      write(`\n  Standard error of ${relative(process.cwd(), file)}:\n${indent(text.slice(-MAX_STANDARD_ERROR))}`);
  }
  for (const [reason, times] of skips) write(`  ${times} skipped: ${reason}`);
  return counts;
}

/** A suite fails because a test in it has failed; that test tells the story. */
function isOnlyEcho(event: TestEvent): boolean {
  return event.details.error?.failureType === 'subtestsFailed' || event.todo !== undefined;
}

function describeFailure({ name, file, details }: TestEvent): string {
  const where = file === undefined ? '' : ` (${relative(process.cwd(), file)})`;
  const cause = details.error?.cause ?? details.error;
  return `✗ ${name}${where}\n${indent(cause instanceof Error ? inspect(cause) : String(cause))}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}
