// The developer's command: started with the session's environment, signalled exactly once per signal, and its end told as it was.
import { spawn } from 'node:child_process';
import type { ChildExit } from './exit-codes.ts';
import { guardCommand } from './guard.ts';
import type { EndingSignal } from './signals.ts';

type ChildOptions = {
  command: string;
  args: readonly string[];
  environment: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  /**
   * True: the command keeps our terminal and process group, so the terminal gives it Ctrl-C and the hang-up itself. False: it gets a
   * group of its own, so that a signal to our whole group (`timeout`, a CI runner) reaches it only once, through us.
   */
  sharesTerminal: boolean;
};

export type Child = {
  /** Never rejects. */
  exited: Promise<ChildExit>;
  /** Passes a signal on that we got, unless the command has it already. */
  pass(signal: EndingSignal): void;
  terminate(): void;
  /** SIGKILL, to the whole group where the command has one of its own. */
  kill(): void;
};

/** The terminal sends these to every process of its foreground group, the command included. */
const FROM_TERMINAL: ReadonlySet<EndingSignal> = new Set(['SIGINT', 'SIGHUP']);

export function startChild(options: ChildOptions): Child {
  const ownGroup = !options.sharesTerminal && options.platform !== 'win32';
  const child = spawn(options.command, options.args, {
    stdio: 'inherit',
    env: options.environment,
    detached: ownGroup,
  });
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ kind: 'failed', errno: error.code ?? '', message: error.message });
    });
    child.once('exit', (code, signal) => {
      resolve(signal === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', signal });
    });
  });
  if (child.pid !== undefined) void exited.then(guardCommand(ownGroup ? -child.pid : child.pid, options.platform));
  return {
    exited,
    pass(signal) {
      if (!options.sharesTerminal || !FROM_TERMINAL.has(signal)) child.kill(signal);
    },
    terminate() {
      child.kill('SIGTERM');
    },
    kill() {
      if (!ownGroup || child.pid === undefined) child.kill('SIGKILL');
      else killGroup(child.pid);
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
