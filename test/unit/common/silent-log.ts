// A log for tests: keeps what was said and prints nothing.
import type { Log } from '../../../common/log.ts';

export type Entry = { level: 'debug' | 'info' | 'warn' | 'error'; facts: unknown; message: unknown };

export function silentLog(): Log & { entries: Entry[] } {
  const entries: Entry[] = [];
  const note =
    (level: Entry['level']) =>
    (facts: unknown, message?: unknown): void => {
      entries.push({ level, facts, message });
    };
  return { entries, debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
}
