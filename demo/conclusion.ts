// The end of the demo: what the checker says about the histories that producers and consumers wrote, and whether the world is as before.
import { judge, type Verdict } from '../test/checker/checker.ts';
import type { History } from '../test/checker/history.ts';
import {
  type Allowance,
  describeDifferences,
  diffSnapshots,
  type Snapshot,
  type SnapshotDiff,
} from '../test/checker/snapshot.ts';
import { verdictFaults, verdictTable } from '../test/checker/table.ts';
import { ALLOWED } from '../test/cluster/stage/verdict.ts';
import type { Teller } from './telling.ts';

export type Conclusion = {
  ok: boolean;
  verdict: Verdict;
  restored: SnapshotDiff;
  /** For people. */
  table: string;
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
    table: verdictTable(history),
  };
}

export function tellConclusion({ ok, verdict, restored, table }: Conclusion, teller: Teller): void {
  teller.show(table);
  teller.show('');
  for (const fault of verdictFaults(verdict)) teller.say(`✗ ${fault}`);
  if (restored.differences.length > 0) {
    teller.say('✗ not as before:');
    teller.show(describeDifferences(restored.differences));
  } else {
    teller.say('✓ workload, queues, topics, groups and webhook are as before. Differences that are allowed:');
    for (const { path, because } of usedAllowances(restored)) teller.show(`  ${path}: ${because}`);
  }
  teller.say(
    ok
      ? `✓ nothing lost, nothing misrouted, nothing out of order; ${verdict.duplicates.length} duplicates (SQS may deliver twice)`
      : '✗ the promises were not kept',
  );
}

/** One line for each allowance that was needed, with the first thing that it covered. */
function usedAllowances({ allowed }: SnapshotDiff): { path: string; because: string }[] {
  const covers = ({ path }: Allowance) => allowed.filter((difference) => path.test(difference.path));
  return ALLOWED.flatMap((allowance) => {
    const [first, ...others] = covers(allowance);
    if (first === undefined) return [];
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    return [{ path: `${first.path}${more}`, because: allowance.because }];
  });
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
