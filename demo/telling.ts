// How the demo speaks: chapters, sentences with the time since its start, what others write, and what programs print. It knows no story.
import { styleText } from 'node:util';

export type Stream = { isTTY?: boolean; write(text: string): unknown };

export type Teller = {
  chapter(title: string): void;
  say(sentence: string): void;
  /** One line of somebody else's terminal. */
  hear(who: string, line: string): void;
  /** A command as somebody types it. */
  type(command: string): void;
  /** A text of several lines: a table, or what a command has printed. */
  show(text: string, command?: string): void;
};

/** The time's column and the gap behind it. */
const MARGIN = ' '.repeat(9);

/** Plain text unless the stream is a terminal that may be coloured (https://no-color.org). */
export function createTeller(stream: Stream, environment: NodeJS.ProcessEnv): Teller {
  const startedAt = performance.now();
  const mayColour = stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    mayColour ? styleText(style, text, { validateStream: false }) : text;
  // A terminal may hold a line that is still being changed (see the testbed's progress): it gives way.
  const clear = stream.isTTY === true ? '\r\x1b[2K' : '';
  const write = (text: string) => void stream.write(`${clear}${text}\n`);
  const type = (command: string) => write(`${MARGIN}${paint('bold', `$ ${command}`)}`);
  return {
    chapter: (title) => write(`\n${paint('bold', title)}`),
    say: (sentence) => write(`${paint('dim', clock(performance.now() - startedAt).padStart(6))}   ${sentence}`),
    hear: (who, line) => write(`${MARGIN}${paint(colourOf(who), `${who} │`)} ${line}`),
    type,
    show(text, command) {
      if (command !== undefined) type(command);
      for (const line of text.trimEnd().split('\n')) write(`${MARGIN}${line}`.trimEnd());
    },
  };
}

/** `1:05`: minutes and seconds. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

const COLOURS = ['cyan', 'magenta', 'yellow', 'green'] as const;

/** The same for the same name, for two names that differ in length modulo four another one. */
function colourOf(who: string): (typeof COLOURS)[number] {
  return COLOURS[who.length % COLOURS.length] ?? 'cyan';
}

/** Columns two spaces apart; the first is left-aligned, the others are numbers. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map(String));
  const widths = texts.reduce<number[]>(
    (known, row) => row.map((cell, column) => Math.max(known[column] ?? 0, cell.length)),
    [],
  );
  return texts
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
