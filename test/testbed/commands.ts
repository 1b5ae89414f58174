/**
 * Runs a program to its end and hands back what it wrote. For programs that stay, see processes.ts.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { withDeadline } from './wait.ts';

export type CommandOptions = {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Written to the standard input. */
  input?: string | Buffer;
  /** Kills the program after this time and fails; 120 s unless told. */
  deadlineMs?: number;
  /** Exit codes that are no failure; only 0 unless told. */
  allowedCodes?: readonly number[];
  /** Writes both outputs into this file instead of keeping them in memory. */
  logPath?: string;
};

export type CommandResult = { code: number; stdout: string; stderr: string };

/** Thrown when a program ends with an exit code that was not allowed; holds its outputs. */
export class CommandError extends Error {
  readonly result: CommandResult;
  constructor(message: string, result: CommandResult) {
    super(message);
    this.name = 'CommandError';
    this.result = result;
  }
}

/** Runs a program and returns its exit code and outputs (UTF-8); throws a `CommandError` for a code not allowed. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { cwd, env = process.env, input, deadlineMs = 120_000, allowedCodes = [0], logPath } = options;
  const shown = [command, ...args].join(' ').slice(0, 300);
  const log = logPath === undefined ? undefined : openSync(logPath, 'a');
  const child = spawn(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    stdio: [input === undefined ? 'ignore' : 'pipe', log ?? 'pipe', log ?? 'pipe'],
  });
  if (log !== undefined) closeSync(log);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`Cannot run "${shown}": ${error.message}`)));
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
  let code: number;
  try {
    code = await withDeadline(ended, `the end of "${shown}"`, deadlineMs);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const result = { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  if (!allowedCodes.includes(code)) {
    const output = (result.stderr + result.stdout).trim().slice(-4000);
    throw new CommandError(
      `"${shown}" ended with code ${code}: ${output || (logPath === undefined ? 'no output' : `see ${logPath}`)}`,
      result,
    );
  }
  return result;
}
