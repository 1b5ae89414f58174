import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry } from '../../../api/kinds/workload-split.ts';
import type { Action } from '../../../controller/decide/observed.ts';
import { describeAction } from '../../../controller/describe.ts';
import { createBench, putSession, putSplit } from './bench.ts';

const { kube } = createBench();
const session = putSession(kube, 'alice');
const split = putSplit(kube);
const entries: LedgerEntry[] = ['mirrord-1-fallback-orders', 'mirrord-2-orders'].map((name) => ({
  kind: 'SqsQueue',
  name,
  role: 'fallback',
  queue: 'orders',
  state: 'Planned',
}));
const problem = { code: 'RestartTimeout' as const, message: 'too slow', retryable: false };

describe('an action in the log', () => {
  const cases: [Action, string][] = [
    [{ type: 'FailSession', session, problem }, 'session alice failed (RestartTimeout)'],
    [{ type: 'WriteSpec', split, spec: split.spec, why: 'routes of new sessions' }, 'routes of new sessions'],
    [
      { type: 'WriteSpec', split, spec: { ...split.spec, phase: 'Warm' }, why: 'the last session is gone' },
      'Preparing → Warm: the last session is gone',
    ],
    [{ type: 'CreateResources', split, entries }, 'made, or tried to: mirrord-1-fallback-orders, mirrord-2-orders'],
    [{ type: 'RewindGroups', split, keys: ['views'] }, 'the group stands again in front of what nobody read: views'],
    [{ type: 'ReleaseSplit', split }, 'the split is deleted'],
    [
      { type: 'ReleaseSplit', split: { ...split, metadata: { ...split.metadata, deletionTimestamp: 'now' } } },
      'the split is over',
    ],
  ];
  for (const [action, line] of cases) it(line, () => assert.equal(describeAction(action), line));
});
