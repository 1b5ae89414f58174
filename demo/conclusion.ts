// The end of the demo: what the checker says about the histories that producers and consumers wrote, and whether the world is as before.
import { judge, type Verdict } from '../test/checker/checker.ts';
import type { History } from '../test/checker/history.ts';
import { describeDifferences, diffSnapshots, type Snapshot, type SnapshotDiff } from '../test/checker/snapshot.ts';
import { faultsTable, readersTable, verdictFaults } from '../test/checker/table.ts';
import { ALLOWED } from '../test/cluster/stage/verdict.ts';
import type { Teller } from './telling.ts';

export type Conclusion = {
  ok: boolean;
  verdict: Verdict;
  restored: SnapshotDiff;
  /** For people: who handled how many, and what is wrong with how many. */
  tables: { readers: string; faults: string };
};

/** Pure. */
export function conclude(history: History, before: Snapshot, after: Snapshot): Conclusion {
  const verdict = judge(history);
  const restored = diffSnapshots(before, after, ALLOWED);
  const readers = history.sessions.every(({ reader }) => (verdict.receivedBy.get(reader) ?? 0) > 0);
  return {
    ok: verdict.ok && restored.differences.length === 0 && readers,
    verdict,
    restored,
    tables: { readers: readersTable(history), faults: faultsTable(history) },
  };
}

export function tellConclusion({ ok, verdict, restored, tables }: Conclusion, teller: Teller): void {
  teller.say('How many orders were produced, and who handled them:');
  teller.show(tables.readers);
  teller.say('What the checker finds in what producers and readers have written:');
  teller.show(tables.faults);
  for (const fault of verdictFaults(verdict)) teller.say(`✗ ${fault}`);
  if (restored.differences.length > 0) {
    teller.say('✗ not as before:');
    teller.show(describeDifferences(restored.differences));
  } else {
    teller.say('✓ Workload, queues, topics, groups and webhook are as before, but for what may differ:');
    for (const { because, count } of usedAllowances(restored)) teller.show(`  ${because} (${count})`);
  }
  teller.say(
    ok
      ? `✓ nothing lost, nothing misrouted, nothing out of order; ${verdict.duplicates.length} duplicates (SQS may deliver twice)`
      : '✗ the promises were not kept',
  );
}

/** Each allowance that was needed, with the number of differences that it was the first to cover. */
function usedAllowances({ allowed }: SnapshotDiff): { because: string; count: number }[] {
  const needed = Map.groupBy(allowed, (difference) => ALLOWED.find(({ path }) => path.test(difference.path)));
  return [...needed].map(([allowance, covered]) => ({ because: allowance?.because ?? '', count: covered.length }));
}

/** For `--json`: one line, the same facts. */
export function conclusionJson({ ok, verdict, restored }: Conclusion, more: Readonly<Record<string, unknown>>): string {
  const { lost, misrouted, outOfOrder, duplicates, leftOvers, corrupted, unexpected, doubledCopies } = verdict;
  return JSON.stringify({
    ok,
    ...more,
    produced: verdict.produced,
    acknowledged: verdict.acknowledged,
    receivedBy: Object.fromEntries(verdict.receivedBy),
    lost,
    misrouted,
    outOfOrder,
    unexpected,
    corrupted,
    doubledCopies,
    duplicates: duplicates.length,
    leftOvers: leftOvers.length,
    restored: restored.differences.length === 0,
    differences: restored.differences,
    allowedDifferences: restored.allowed.map(({ path }) => path),
  });
}
