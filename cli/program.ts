// Runs one command line: calls the command that it means, and turns every error into one sentence, a hint and an exit code.
import { CommanderError } from 'commander';
import { toSplitterError } from '../common/errors.ts';
import { commandLine } from './command-line.ts';
import { end } from './commands/end.ts';
import { exec } from './commands/exec.ts';
import { status } from './commands/status.ts';
import { EXIT, errorExitCode } from './exit-codes.ts';
import { hintFor } from './hints.ts';
import { jsonReporter, type OutputFormat, type Reporter, textReporter } from './output.ts';
import type { Shell } from './shell.ts';

/** Runs one command line (without the interpreter and the script) and resolves with the exit code. Never rejects. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  let reporter: Reporter = textReporter(shell.stderr, shell.environment);
  let code: number = EXIT.ok;
  const speak = (output: OutputFormat) => {
    if (output === 'json') reporter = jsonReporter(shell.stderr, shell.clock);
    return reporter;
  };
  const program = commandLine(
    {
      async exec(options, output) {
        code = await exec(options, shell, speak(output));
      },
      async status(options) {
        code = await status(options, shell, speak(options.output));
      },
      async end(options, output) {
        code = await end(options, shell, speak(output));
      },
    },
    { out: (text) => void shell.stdout.write(text), err: (text) => void shell.stderr.write(text) },
  );
  shell.signals.capture();
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.ours;
    return report(error, reporter);
  } finally {
    reporter.share(false);
    shell.signals.release();
  }
}

function report(thrown: unknown, reporter: Reporter): number {
  const error = toSplitterError(thrown);
  const hint = hintFor(error);
  const exitCode = errorExitCode(error);
  reporter.say({
    event: 'error',
    level: 'error',
    message: error.message,
    ...(hint === undefined ? {} : { more: [`→ ${hint}`] }),
    facts: { code: error.code, ...(hint === undefined ? {} : { hint }), exitCode },
  });
  return exitCode;
}
