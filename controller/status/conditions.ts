// KEP-1623 conditions as values: those that are given are set, the others stay; a transition time changes only with its status.
import { type Condition, LIMITS, type ObjectMeta } from '../../api/kinds/common.ts';
import { shorten } from '../../common/text.ts';

export type NewCondition = { type: string; status: boolean; reason: string; message: string };

/** `generation`: of the object that the conditions speak of; `kubectl wait` does not believe what was said of an earlier one. */
export function withConditions(
  existing: readonly Condition[],
  wanted: readonly NewCondition[],
  { generation }: Pick<ObjectMeta, 'generation'>,
  now: number,
): Condition[] {
  const said = wanted.map((condition): Condition => {
    const status = condition.status ? 'True' : 'False';
    const before = existing.find(({ type }) => type === condition.type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : new Date(now).toISOString();
    const observed = generation === undefined ? {} : { observedGeneration: generation };
    const message = shorten(condition.message, LIMITS.conditionMessage);
    return { ...condition, status, message, lastTransitionTime, ...observed };
  });
  const kept = existing.map((before) => said.find(({ type }) => type === before.type) ?? before);
  return [...kept, ...said.filter((condition) => !kept.includes(condition))];
}
