// A label selector object as the text that list requests take. Format: kubernetes.io, "Labels and Selectors".
import type { WorkloadSplitSpec } from '../../api/kinds/workload-split.ts';

export function selectorText(selector: WorkloadSplitSpec['target']['selector']): string {
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...labels, ...expressions].join(',');
}
