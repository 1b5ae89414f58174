// The developer's command: started with the session's environment, signalled exactly once per signal, and its end told as it was.
import { spawn } from 'node:child_process';
import { type Clock, pause } from '../common/clock.ts';
import type { ChildExit } from './exit-codes.ts';
import { guardCommand } from './guard.ts';
import type { EndingSignal } from './signals.ts';

type ChildOptions = {
  command: string;
  args: readonly string[];
  environment: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  clock: Clock;
  /**
   * True: the command keeps our terminal and process group, so the terminal gives it Ctrl-C and the hang-up itself. False: it gets a
   * group of its own, so that a signal to our whole group (`timeout`, a CI runner) reaches it only once, through us; and then all of it, as
   * a terminal would do, for programs such as npm do not hand every signal on.
   */
  sharesTerminal: boolean;
};

export type Child = {
  /**
   * Never rejects. A command that was asked to end has ended when its whole group has, or after ten seconds: of `npm run worker`, npm is
   * the first to go, and the worker that it has started reads on until its work is done.
   */
  exited: Promise<ChildExit>;
  /** Passes a signal on that we got, unless the command has it already. */
  pass(signal: EndingSignal): void;
  terminate(): void;
  kill(): void;
};

const GROUP_GRACE_MS = 10_000;
const GROUP_LOOK_MS = 50;

/** The terminal sends these to every process of its foreground group, the command included. */
const FROM_TERMINAL: ReadonlySet<EndingSignal> = new Set(['SIGINT', 'SIGHUP']);

export function startChild(options: ChildOptions): Child {
  const ownGroup = !options.sharesTerminal && options.platform !== 'win32';
  const child = spawn(options.command, options.args, {
    stdio: 'inherit',
    env: options.environment,
    detached: ownGroup,
  });
  const { pid } = child;
  const ended = new Promise<ChildExit>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (pid === undefined) resolve({ kind: 'failed', errno: error.code ?? '', message: error.message });
    });
    child.once('exit', (code, signal) => {
      resolve(signal === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', signal });
    });
  });
  let askedToEnd = false;
  const send = (signal: NodeJS.Signals) => {
    askedToEnd = true;
    if (ownGroup && pid !== undefined) signalGroup(pid, signal);
    else child.kill(signal);
  };
  const exited = ended.then(async (exit) => {
    const isLeft = askedToEnd && ownGroup && pid !== undefined && !(await isGroupGone(pid, options.clock));
    return isLeft ? { ...exit, leftRunning: true } : exit;
  });
  if (pid !== undefined) void exited.then(guardCommand(ownGroup ? -pid : pid, options.platform));
  return {
    exited,
    pass(signal) {
      if (!options.sharesTerminal || !FROM_TERMINAL.has(signal)) send(signal);
    },
    terminate: () => send('SIGTERM'),
    kill: () => send('SIGKILL'),
  };
}

/** False when there is nobody any more, or (EPERM, on macOS) only what has ended and was not waited for yet. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM')) return false;
    throw error;
  }
}

async function isGroupGone(leader: number, clock: Clock): Promise<boolean> {
  const until = clock.monotonic() + GROUP_GRACE_MS;
  while (signalGroup(leader, 0)) {
    if (clock.monotonic() >= until) return false;
    await pause(clock, GROUP_LOOK_MS);
  }
  return true;
}
