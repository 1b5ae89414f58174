/** The verdict as plain, aligned text for people. It must never compute anything that the verdict does not say. */
import { historyOf, judge, type Verdict } from './checker.ts';
import type { History } from './history.ts';

function align(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

type Column = readonly [title: string, value: (verdict: Verdict) => number];

const FAULTS: readonly Column[] = [
  ['lost', ({ lost }) => lost.length],
  ['misrouted', ({ misrouted }) => misrouted.length],
  ['out of order', ({ outOfOrder }) => outOfOrder.length],
  ['corrupted', ({ corrupted }) => corrupted.length],
  ['duplicates', ({ duplicates }) => duplicates.length],
  ['left over', ({ leftOvers }) => leftOvers.length],
];

/** How many were produced, and who handled them: distinct messages, so a redelivered one counts for both readers. */
export function readersTable(history: History): string {
  const readers = [...new Set([...history.workloads, ...history.sessions].map(({ reader }) => reader))];
  return tableOf(history, [
    ['produced', ({ produced }) => produced],
    ...readers.map((reader): Column => [reader, ({ receivedBy }) => receivedBy.get(reader) ?? 0]),
  ]);
}

/** What the checker has counted. Duplicates and left-overs are no faults where a broker delivers at least once. */
export function faultsTable(history: History): string {
  return tableOf(history, FAULTS);
}

/** Both. Two, so that they fit a terminal. */
export function verdictTable(history: History): string {
  return `${readersTable(history)}\n\n${faultsTable(history)}`;
}

/** One row for each original, and one for all. */
function tableOf(history: History, columns: readonly Column[]): string {
  const rowOf = (title: string, verdict: Verdict) => [title, ...columns.map(([, value]) => String(value(verdict)))];
  const sources = new Map(
    history.produced.map(({ kind, source }) => [`${kind === 'sqs' ? 'SQS' : 'Kafka'} ${source}`, { kind, source }]),
  );
  const rows = [...sources].map(([title, { kind, source }]) => rowOf(title, judge(historyOf(history, kind, source))));
  return align([['', ...columns.map(([title]) => title)], ...rows, rowOf('total', judge(history))]);
}

const SHOWN = 5;

/** One line for each fault, the first few of each kind; empty when there is none. */
export function verdictFaults(verdict: Verdict): string[] {
  const few = (title: string, faults: readonly string[]): string[] => [
    ...faults.slice(0, SHOWN).map((fault) => `${title}: ${fault}`),
    ...(faults.length > SHOWN ? [`${title}: and ${faults.length - SHOWN} more`] : []),
  ];
  return [
    ...(verdict.acknowledged === 0 ? ['nothing was produced, so nothing is proved'] : []),
    ...few(
      'nothing is proved',
      verdict.silent.map((source) => `no send to ${source} was acknowledged`),
    ),
    ...few('lost', verdict.lost),
    ...few('unexpected', verdict.unexpected),
    ...few(
      'misrouted',
      verdict.misrouted.map(({ id, reader, why }) => `${id} was read by ${reader}: ${why}`),
    ),
    ...few(
      'out of order',
      verdict.outOfOrder.map(({ id, reader, within, after }) => `${reader} got ${id} after ${after} (${within})`),
    ),
    ...few(
      'doubled copy',
      verdict.doubledCopies.map(({ id, topic, positions }) => `${id} in ${topic} at ${positions.join(' and ')}`),
    ),
    ...few(
      'corrupted',
      verdict.corrupted.map(
        ({ id, reader, field, expected, actual }) => `${field} of ${id} at ${reader}: sent ${expected}, got ${actual}`,
      ),
    ),
  ];
}
