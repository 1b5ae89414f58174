// What qsplit's exit code says. The command's own code passes through; ours keep out of its way, as `env` and `docker run` do.
import { constants } from 'node:os';
import type { SplitterError } from '../common/errors.ts';

export const EXIT = { ok: 0, ours: 125, notExecutable: 126, notFound: 127 } as const;

/** For help and reference. */
export const EXIT_CODES: readonly (readonly [code: string, meaning: string])[] = [
  ['the command’s', 'it ran and ended by itself'],
  ['128+n', 'the command ended by signal n; or signal n stopped qsplit before the command began'],
  [String(EXIT.ours), 'an error of qsplit: nothing was started, or the session was lost'],
  [String(EXIT.notExecutable), 'the command is there and cannot be executed'],
  [String(EXIT.notFound), 'the command is not there'],
];

/** How a child process came to its end; `failed` means that it never began. */
export type ChildExit =
  | { kind: 'code'; code: number; leftRunning?: boolean }
  | { kind: 'signal'; signal: NodeJS.Signals; leftRunning?: boolean }
  | { kind: 'failed'; errno: string; message: string };

function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0);
}

export function childExitCode(exit: ChildExit): number {
  if (exit.kind === 'code') return exit.code;
  if (exit.kind === 'signal') return signalExitCode(exit.signal);
  return exit.errno === 'ENOENT' ? EXIT.notFound : EXIT.notExecutable;
}

/** For errors before the command began: 128+n for a signal, 126 or 127 for a command that cannot be started, else 125. */
export function errorExitCode(error: SplitterError): number {
  const { signal, errno } = error.details;
  if (typeof errno === 'string') return childExitCode({ kind: 'failed', errno, message: error.message });
  const known = typeof signal === 'string' && signal in constants.signals;
  return error.code === 'Interrupted' && known ? signalExitCode(signal as NodeJS.Signals) : EXIT.ours;
}
