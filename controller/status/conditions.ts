// KEP-1623 conditions as values: set one, keep the transition time unless the status really changed.
import type { Condition } from '../../api/kinds/common.ts';

export type NewCondition = { type: string; status: boolean; reason: string; message: string };

export function withConditions(
  existing: readonly Condition[],
  wanted: readonly NewCondition[],
  now: number,
): Condition[] {
  return wanted.map((condition) => {
    const status = condition.status ? 'True' : 'False';
    const before = existing.find((entry) => entry.type === condition.type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : new Date(now).toISOString();
    return { type: condition.type, status, reason: condition.reason, message: condition.message, lastTransitionTime };
  });
}
