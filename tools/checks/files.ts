// Checks over the text of the repository's files that no linter has: length, timers in tests, traces of one machine. Pure, but for reading.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type SourceFile = { path: string; text: string };

/** CONTRIBUTING.md says "about 300". */
const MAX_LINES = 320;

/** Files whose content others decide or that nobody reads line by line. */
const NOT_OURS = /^(package-lock\.json|LICENSE|charts\/queue-splitter\/templates\/crds\/|.*\/fixtures\/)/;

/** What git knows and what it would add: an ignored file is nobody's business. */
export async function repositoryFiles(root: string): Promise<SourceFile[]> {
  const { stdout } = await promisify(execFile)(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
    {
      cwd: root,
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const paths = [...new Set(stdout.split('\0').filter((path) => path !== ''))];
  const files = await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8').catch(() => undefined) })),
  );
  return files.flatMap(({ path, text }) => (text === undefined ? [] : [{ path, text }]));
}

export function tooLong(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => /\.(ts|js)$/.test(path) && !NOT_OURS.test(path))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines; split it by subject (at most ${MAX_LINES})`);
}

/** The one helper that may wait by time, and the guard against it. */
const MAY_NAME_TIMERS = ['test/testbed/wait.ts', 'test/unit/tools/files.test.ts'];

/** Tests wait for conditions. The sample shop is no test: its programs are slow on purpose. */
export function timersInTests(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => /^test\/(?!shop\/).*\.ts$/.test(path) && !MAY_NAME_TIMERS.includes(path))
    .flatMap(({ path, text }) =>
      matchingLines(text, /(?<![.\w])setTimeout\s*\(|['"](node:)?timers\/promises['"]/).map(
        (line) => `${path}:${line} waits by time; use waitFor of test/testbed/wait.ts`,
      ),
    );
}

/** Home folders, checkouts and package mirrors of one machine; the public registries are the only ones that a lock file may name. */
const TRACES: readonly RegExp[] = [
  /\/(home|Users)\/[a-z][\w.-]*\//,
  /\/work\/(main|shared)\b/,
  /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/,
  /\bhttps?:\/\/[\w.-]*(artifactory|nexus|verdaccio)[\w.-]*/i,
];

const MAY_NAME_TRACES = ['tools/checks/files.ts', 'test/unit/tools/files.test.ts'];

export function machineTraces(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => !MAY_NAME_TRACES.includes(path))
    .flatMap(({ path, text }) =>
      TRACES.flatMap((trace) =>
        matchingLines(text, trace).map((line) => `${path}:${line} names something of one machine (${trace.source})`),
      ),
    );
}

/** Every source file says in its first line what it is for; a test file says it in its names. */
export function withoutHeader(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => /(?<!\.test)\.ts$/.test(path) && !NOT_OURS.test(path))
    .filter(({ text }) => !/^(#!.*\n)?(\/\/|\/\*)/.test(text))
    .map(({ path }) => `${path} has no header comment`);
}

function matchingLines(text: string, pattern: RegExp): number[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}
