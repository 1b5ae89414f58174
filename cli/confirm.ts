// Asks before something that others will notice. Only a terminal can answer; a pipe's silence is not a yes.
import { createInterface } from 'node:readline/promises';
import type { InputStream, OutputStream } from './shell.ts';

/** False for no, for anything that is not yes, and for the end of the input. Rejects with the reason of `signal`. */
export async function confirm(
  question: string,
  terminal: { input: InputStream; output: OutputStream },
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  // Not readline's own terminal mode: it would take Ctrl-C away from the signal handlers.
  const lines = createInterface({ input: terminal.input, output: terminal.output, terminal: false });
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    lines.close();
  }
}
