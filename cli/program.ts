// The command line: words and options → calls of the commands, and every error → one sentence, a hint and an exit code.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { toSplitterError } from '../common/errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import { end } from './commands/end.ts';
import { exec } from './commands/exec.ts';
import { status } from './commands/status.ts';
import { parseDuration } from './duration.ts';
import { EXIT, errorExitCode } from './exit-codes.ts';
import { hintFor } from './hints.ts';
import { jsonReporter, type OutputFormat, type Reporter, textReporter } from './output.ts';
import { HEARTBEAT_SECONDS } from './session/heartbeat.ts';
import type { Shell } from './shell.ts';

type ClusterFlags = { kubeconfig?: string; context?: string; namespace?: string };
type ExecFlags = ClusterFlags & {
  file?: string;
  target?: string;
  key?: string;
  yes: boolean;
  timeout: number;
  endTimeout: number;
  heartbeatTimeout: number;
  via?: 'mirrord';
  skipPreflight: boolean;
  output: OutputFormat;
};
type StatusFlags = ClusterFlags & { allNamespaces: boolean; output: OutputFormat };
type EndFlags = ClusterFlags & { endTimeout: number; output: OutputFormat };

/** Runs one command line (without the interpreter and the script) and resolves with the exit code. Never rejects. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  let reporter: Reporter = textReporter(shell.stderr, shell.environment);
  let code: number = EXIT.ok;
  const speak = (output: OutputFormat) => {
    if (output === 'json') reporter = jsonReporter(shell.stderr, shell.clock);
    return reporter;
  };
  const program = buildProgram(shell, async (output, command) => {
    code = await command(speak(output));
  });
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

type Perform = (output: OutputFormat, command: (reporter: Reporter) => Promise<number>) => Promise<void>;

function buildProgram(shell: Shell, perform: Perform): Command {
  const program = new Command('qsplit')
    .description('Run a local program on its own share of the messages of a deployed workload’s queues.')
    .version(packageJson.version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void shell.stdout.write(text),
      writeErr: (text) => void shell.stderr.write(text),
    })
    .addHelpText(
      'after',
      '\nExit codes: the command’s own; 128+n for signal n; 125 for an error of qsplit; 126, 127 when the command cannot be started.',
    );
  addExec(program, shell, perform);
  addStatus(program, shell, perform);
  addEnd(program, shell, perform);
  return program;
}

function addExec(program: Command, shell: Shell, perform: Perform): void {
  subcommand(program, 'exec', 'run a command with a session’s environment; the session ends with it')
    .usage('[options] -- COMMAND [ARGUMENT…]')
    .argument('<command...>')
    .passThroughOptions()
    .option('-f, --file <path>', 'mirrord.json (JSON with comments, or YAML)')
    .option('--target <target>', 'deployment/NAME[/container/NAME] instead of the file’s target')
    .option(
      '--key <name>',
      'name of the session for people; {{ key }} in the file (default: the file’s key, your user name)',
    )
    .option('-y, --yes', 'do not ask before pods restart', false)
    .addOption(readyTimeout())
    .addOption(endTimeout())
    .addOption(heartbeatTimeout())
    .addOption(
      new Option('--via <tool>', 'run the command through mirrord, in the network of the target').choices(['mirrord']),
    )
    .option('--skip-preflight', 'do not check the way from this machine to the brokers', false)
    .addOption(output(['text', 'json']))
    .action(async ([command = '', ...args]: string[], flags: ExecFlags) => {
      const { timeout, endTimeout: ending, heartbeatTimeout: heartbeat, output: format, ...options } = flags;
      await perform(format, (reporter) =>
        exec(
          {
            ...options,
            timeoutMs: timeout,
            endTimeoutMs: ending,
            heartbeatSeconds: Math.ceil(heartbeat / 1000),
            mayAsk: format === 'text',
            invocation: { command, args },
          },
          shell,
          reporter,
        ),
      );
    });
}

function addStatus(program: Command, shell: Shell, perform: Perform): void {
  subcommand(program, 'status', 'show sessions and splits')
    .option('-A, --all-namespaces', 'of the whole cluster', false)
    .addOption(output(['text', 'json', 'wide']))
    .action((flags: StatusFlags) => perform(flags.output, () => status(flags, shell)));
}

function addEnd(program: Command, shell: Shell, perform: Perform): void {
  subcommand(program, 'end', 'end a session by hand')
    .argument('<session>')
    .addOption(endTimeout())
    .addOption(output(['text', 'json']))
    .action((session: string, { endTimeout: ending, output: format, ...options }: EndFlags) =>
      perform(format, (reporter) => end({ ...options, session, endTimeoutMs: ending }, shell, reporter)),
    );
}

/** With the options that every command has. */
function subcommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('-n, --namespace <name>', 'namespace of the target')
    .option('--kubeconfig <path>', 'kubeconfig file instead of KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig');
}

function readyTimeout(): Option {
  return new Option('--timeout <duration>', 'how long it may take until the session is Ready')
    .argParser(duration)
    .default(300_000, '5m');
}

function endTimeout(): Option {
  return new Option('--end-timeout <duration>', 'how long to wait for the end of the session’s route')
    .argParser(duration)
    .default(30_000, '30s');
}

/** For tests and for networks that fall silent; not in the help, because few need to know that there is a heartbeat. */
function heartbeatTimeout(): Option {
  return new Option('--heartbeat-timeout <duration>', 'how long the session survives without qsplit, from 5s')
    .argParser(duration)
    .default(HEARTBEAT_SECONDS * 1000)
    .hideHelp();
}

function output(choices: readonly OutputFormat[]): Option {
  return new Option('-o, --output <format>', 'how to speak').choices(choices).default('text');
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Write for example 90s, 5m or 1m30s.');
  return ms;
}
