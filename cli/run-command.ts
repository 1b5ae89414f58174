// The time between Ready and the end: the command runs, signals reach it, and the session is watched over. Returns when the command has
// ended and not before: a session must not be taken away under a process that still reads it.
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { pause } from '../common/clock.ts';
import { SplitterError } from '../common/errors.ts';
import { type Child, startChild } from './child.ts';
import { type ChildExit, childExitCode, EXIT } from './exit-codes.ts';
import { hintFor } from './hints.ts';
import { MATCH_REPORT_MS, matchReport } from './match-report.ts';
import type { Reporter } from './output.ts';
import type { LiveSession } from './session/live.ts';
import type { Shell } from './shell.ts';
import type { EndingSignal } from './signals.ts';
import type { Invocation } from './via-mirrord.ts';

/** How long a command may take to end after SIGTERM when its session was lost. */
const GRACE_MS = 10_000;

type CommandRun = {
  invocation: Invocation;
  environment: Record<string, string>;
  session: LiveSession;
  shell: Shell;
  reporter: Reporter;
  readSplit(): Promise<WorkloadSplit | undefined>;
};

export async function runCommand(run: CommandRun): Promise<number> {
  const { invocation, environment, session, shell, reporter } = run;
  const stop = new AbortController();
  reporter.share(true);
  const child = startChild({
    ...invocation,
    environment: { ...shell.environment, ...environment },
    platform: shell.platform,
    clock: shell.clock,
    sharesTerminal: shell.stdin.isTTY === true,
  });
  shell.signals.route(signalHandler(child, run));
  void reportMatches(run, stop.signal);
  try {
    const first = await Promise.race([child.exited, session.lost(stop.signal)]);
    return first instanceof SplitterError ? await afterLoss(first, child, run) : exitCode(first, run);
  } finally {
    stop.abort();
    reporter.share(false);
  }
}

function signalHandler(child: Child, { shell, reporter }: CommandRun) {
  let interrupts = 0;
  return (signal: EndingSignal) => {
    if (signal === 'SIGINT') interrupts += 1;
    if (interrupts > 1) {
      reporter.say({ event: 'killed', level: 'warning', message: 'Killing the command' });
      child.kill();
      return;
    }
    child.pass(signal);
    const again = shell.stdin.isTTY === true ? 'Ctrl-C again kills it' : 'a second SIGINT kills it';
    reporter.say({
      event: 'signal',
      level: 'info',
      message: `Waiting for the command to end; ${again}`,
      facts: { signal },
    });
  };
}

async function afterLoss(loss: SplitterError, child: Child, { shell, reporter }: CommandRun): Promise<number> {
  const hint = hintFor(loss);
  reporter.say({
    event: 'lost',
    level: 'error',
    message: loss.message,
    more: [...(hint === undefined ? [] : [`→ ${hint}`]), 'Stopping the command'],
    facts: { code: loss.code, ...loss.details },
  });
  child.terminate();
  const cancel = shell.clock.after(GRACE_MS, () => child.kill());
  await child.exited;
  cancel();
  return EXIT.ours;
}

function exitCode(exit: ChildExit, { invocation, reporter }: CommandRun): number {
  const code = childExitCode(exit);
  const message =
    exit.kind === 'failed'
      ? `Cannot start ${invocation.command}: ${exit.message}`
      : `The command ended with ${exit.kind === 'code' ? `code ${exit.code}` : exit.signal}`;
  reporter.say({ event: 'exit', level: exit.kind === 'failed' ? 'error' : 'info', message, facts: { code } });
  if (exit.kind !== 'failed' && exit.leftRunning) {
    const left = 'Something that the command has started did not end when it was asked to, and still runs';
    reporter.say({ event: 'leftRunning', level: 'warning', message: left });
  }
  return code;
}

async function reportMatches({ session, shell, reporter, readSplit }: CommandRun, signal: AbortSignal): Promise<void> {
  await pause(shell.clock, MATCH_REPORT_MS, signal);
  const split = signal.aborted ? undefined : await readSplit();
  if (signal.aborted) return;
  for (const message of matchReport(split, session.created)) {
    reporter.say({ event: 'unmatched', level: 'info', message, facts: { session: session.reference.name } });
  }
}
