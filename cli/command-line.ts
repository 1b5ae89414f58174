// The commands and options of qsplit: words → calls. They are described here once: for --help, and for docs/reference/qsplit.md, which is
// generated from this. Performs nothing itself.
import { Command, InvalidArgumentError, Option } from 'commander';
import { SplitterError } from '../common/errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { EndOptions } from './commands/end.ts';
import type { ExecOptions } from './commands/exec.ts';
import type { StatusOptions } from './commands/status.ts';
import { parseDuration } from './duration.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { OutputFormat } from './output.ts';
import { HEARTBEAT_SECONDS } from './session/heartbeat.ts';

type ClusterFlags = { kubeconfig?: string; context?: string; namespace?: string };
type ExecFlags = ClusterFlags & {
  file?: string;
  target?: string;
  key?: string;
  yes?: true;
  timeout: number;
  endTimeout: number;
  heartbeatTimeout: number;
  via?: 'mirrord';
  skipPreflight?: true;
  output: OutputFormat;
};
type StatusFlags = ClusterFlags & { allNamespaces?: true; watch?: true; output: OutputFormat };
type EndFlags = ClusterFlags & { endTimeout: number; output: OutputFormat };

/** What a command line leads to. */
export type Actions = {
  exec(options: ExecOptions, output: OutputFormat): Promise<void>;
  status(options: StatusOptions): Promise<void>;
  end(options: EndOptions, output: OutputFormat): Promise<void>;
};

/** Where help and complaints go. */
export type Writers = { out(text: string): void; err(text: string): void };

export function commandLine(actions: Actions, { out, err }: Writers): Command {
  const program = new Command('qsplit')
    .description('Run a local program on its own share of the messages of a deployed workload’s queues.')
    .version(packageJson.version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      outputError: (text, write) =>
        write(
          `qsplit ✗ ${text
            .replace(/^error: /, '')
            .trim()
            .replaceAll('\n', ' ')}\n`,
        ),
    })
    .showHelpAfterError('qsplit     → see qsplit --help')
    .addHelpText('after', examples('qsplit exec -f mirrord.json -- npm run worker', 'qsplit status --watch'))
    .addHelpText('after', exitCodes());
  addExec(program, actions);
  addStatus(program, actions);
  addEnd(program, actions);
  return program;
}

function addExec(program: Command, actions: Actions): void {
  subcommand(program, 'exec', 'run a command on your share of the messages; the share ends with the command')
    .usage('[options] -- COMMAND [ARGUMENT…]')
    .argument('[command...]')
    .passThroughOptions()
    .option('-f, --file <path>', 'mirrord.json: JSON with comments, or YAML (default: .mirrord/mirrord.json)')
    .option('--target <target>', 'deployment/NAME[/container/NAME] instead of the file’s target')
    .option(
      '--key <name>',
      'name of the session for people, and {{ key }} in the file (default: the file’s key, else your user name)',
    )
    .option('-y, --yes', 'do not ask before pods restart')
    .addOption(readyTimeout())
    .addOption(endTimeout())
    .addOption(heartbeatTimeout())
    .addOption(
      new Option('--via <tool>', 'run the command through mirrord, in the network of the target').choices(['mirrord']),
    )
    .option('--skip-preflight', 'do not check the way from this machine to the brokers')
    .addOption(output(['text', 'json']))
    .addHelpText(
      'after',
      examples(
        'qsplit exec -f mirrord.json -- npm run worker',
        'qsplit exec -f mirrord.json --yes --timeout 10m -- java -jar worker.jar',
        'qsplit exec --target deployment/orders-worker -n shop -- ./worker   # queues from .mirrord/mirrord.json',
        'qsplit exec -f mirrord.json --via mirrord -- npm run worker         # in the network of the target',
      ),
    )
    .addHelpText('after', exitCodes())
    .action(async ([command, ...args]: string[], flags: ExecFlags) => {
      const { timeout, endTimeout: ending, heartbeatTimeout: heartbeat, output: format, ...options } = flags;
      if (command === undefined) throw commandMissing();
      const settings: ExecOptions = {
        ...options,
        yes: options.yes === true,
        skipPreflight: options.skipPreflight === true,
        timeoutMs: timeout,
        endTimeoutMs: ending,
        heartbeatSeconds: Math.ceil(heartbeat / 1000),
        mayAsk: format === 'text',
        invocation: { command, args },
      };
      await actions.exec(settings, format);
    });
}

function commandMissing(): SplitterError {
  return new SplitterError('InvalidConfig', 'There is no command to run', {
    details: { hint: 'write it behind two dashes: qsplit exec -f mirrord.json -- COMMAND' },
  });
}

function addStatus(program: Command, actions: Actions): void {
  subcommand(program, 'status', 'show sessions and splits')
    .option('-A, --all-namespaces', 'of the whole cluster')
    .option('-w, --watch', 'stay, and show every change until Ctrl-C')
    .addOption(output(['text', 'wide', 'json']))
    .addHelpText('after', examples('qsplit status -n shop', 'qsplit status -A -o wide', 'qsplit status --watch'))
    .action(({ allNamespaces, watch, ...flags }: StatusFlags) =>
      actions.status({ ...flags, allNamespaces: allNamespaces === true, watch: watch === true }),
    );
}

function addEnd(program: Command, actions: Actions): void {
  subcommand(program, 'end', 'end a session by hand')
    .argument('<session>')
    .addOption(endTimeout())
    .addOption(output(['text', 'json']))
    .addHelpText('after', examples('qsplit end alice-x7k2p9 -n shop'))
    .action((session: string, { endTimeout: ending, output: format, ...options }: EndFlags) =>
      actions.end({ ...options, session, endTimeoutMs: ending }, format),
    );
}

/** With the options that every command has. */
function subcommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .showHelpAfterError(`qsplit     → see qsplit ${name} --help`)
    .option(
      '-n, --namespace <name>',
      `namespace of the target (default: ${name === 'exec' ? 'the file’s, else ' : ''}the context’s)`,
    )
    .option('--kubeconfig <path>', 'kubeconfig file instead of KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig');
}

function examples(...lines: readonly string[]): string {
  return ['\nExamples:', ...lines.map((line) => `  ${line}`)].join('\n');
}

function exitCodes(): string {
  return ['\nExit codes:', ...EXIT_CODES.map(([code, meaning]) => `  ${code.padEnd(14)} ${meaning}`)].join('\n');
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
    .default(HEARTBEAT_SECONDS * 1000, `${HEARTBEAT_SECONDS}s`)
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
