// Reads what a program writes into its log, as it writes it.
import { closeSync, openSync, readSync } from 'node:fs';
import type { Supervised } from '../../testbed/processes.ts';
import { waitFor } from '../../testbed/wait.ts';

const LONGEST_LIFE_MS = 24 * 3_600_000;
const CHUNK = 64 * 1024;

/** Calls `onLine` for every line, and resolves when the program has ended and its last line was told. Never rejects. */
export async function followLines(program: Supervised, onLine: (line: string) => void): Promise<void> {
  const file = openSync(program.logPath, 'r');
  const chunk = Buffer.alloc(CHUNK);
  const decoder = new TextDecoder();
  let rest = '';
  const tellNew = () => {
    for (let size = readSync(file, chunk); size > 0; size = readSync(file, chunk)) {
      const lines = `${rest}${decoder.decode(chunk.subarray(0, size), { stream: true })}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    }
  };
  try {
    const seesEnd = () => {
      // In this order: what it wrote before it ended is there by then.
      const ended = !program.isRunning();
      tellNew();
      return ended;
    };
    await waitFor(`the end of ${program.name}`, seesEnd, { deadlineMs: LONGEST_LIFE_MS, intervalMs: 100 });
  } finally {
    closeSync(file);
  }
  if (rest !== '') onLine(rest);
}
