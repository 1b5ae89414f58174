// How qsplit speaks: plain lines, a live line on a terminal, or JSON lines. `exec` speaks on stderr only: stdout is the command's.
import { styleText } from 'node:util';
import type { Clock } from '../common/clock.ts';
import type { EventName } from './events.ts';
import type { OutputStream } from './shell.ts';

export type OutputFormat = 'text' | 'json' | 'wide';

type Level = 'info' | 'doing' | 'done' | 'warning' | 'error';

export type Entry = {
  event: EventName;
  level: Level;
  message: string;
  /** Further fields of the JSON line. */
  facts?: Record<string, unknown>;
  /** Further lines of the text form. */
  more?: readonly string[];
};

export type Reporter = {
  say(entry: Entry): void;
  /** True: somebody else writes to the terminal too, so there is no live line until it is said to be false. */
  share(shared: boolean): void;
};

const MARKS: Readonly<Record<Level, string>> = { info: ' ', doing: '…', done: '✓', warning: '!', error: '✗' };
const COLOURS: Readonly<Record<Exclude<Level, 'info'>, Parameters<typeof styleText>[0]>> = {
  doing: 'dim',
  done: 'green',
  warning: 'yellow',
  error: 'red',
};
const CLEAR_LINE = '\r\u001b[2K';

/** https://no-color.org */
export function mayColour(stream: OutputStream, environment: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}

export function jsonReporter(stream: OutputStream, clock: Clock): Reporter {
  return {
    say: ({ event, level, message, facts }) => {
      stream.write(
        `${JSON.stringify({ time: new Date(clock.now()).toISOString(), event, level, message, ...facts })}\n`,
      );
    },
    share: () => undefined,
  };
}

export function textReporter(stream: OutputStream, environment: NodeJS.ProcessEnv): Reporter {
  const live = stream.isTTY === true && environment['TERM'] !== 'dumb';
  const colour = mayColour(stream, environment);
  const paint = (level: Level, text: string) =>
    colour && level !== 'info' ? styleText(COLOURS[level], text, { validateStream: false }) : text;
  let shared = false;
  let liveLine = false;
  const settle = () => {
    if (liveLine) stream.write(CLEAR_LINE);
    liveLine = false;
  };
  return {
    say: ({ level, message, more = [] }) => {
      settle();
      const line = `qsplit ${MARKS[level]} ${message}`;
      if (live && !shared && level === 'doing') {
        const room = (stream.columns || 80) - 1;
        stream.write(paint(level, line.length > room ? `${line.slice(0, room - 1)}…` : line));
        liveLine = true;
        return;
      }
      stream.write(`${[paint(level, line), ...more.map((text) => `qsplit     ${text}`)].join('\n')}\n`);
    },
    share: (value) => {
      settle();
      shared = value;
    },
  };
}

/** Left-aligned columns, two spaces apart; empty cells show as `-`. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const filled = [header, ...rows.map((row) => row.map((cell) => (cell === '' ? '-' : cell)))];
  const widths = header.map((_, column) => Math.max(...filled.map((row) => row[column]?.length ?? 0)));
  return filled
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
