// Which of the session's variables the local process gets. Pure.
import type { SessionEnvironment } from '../../api/kinds/split-session.ts';
import { SplitterError } from '../../common/errors.ts';

/**
 * The variables of `container`, or of all containers when none was chosen. One variable with two values cannot be in one process:
 * `InvalidConfig` then lists them, and a chosen container that has none of the variables is `VariableMissing`.
 */
export function selectEnvironment(
  entries: readonly SessionEnvironment[],
  container: string | undefined,
  targetPath: string,
): Record<string, string> {
  const chosen = entries.filter((entry) => container === undefined || entry.container === container);
  if (container !== undefined && chosen.length === 0 && entries.length > 0) {
    const others = [...new Set(entries.map((entry) => entry.container))].join(', ');
    throw new SplitterError(
      'VariableMissing',
      `The container ${container} has none of the variables that name the split queues; these have: ${others}`,
      { details: { hint: `choose one of them with --target ${targetPath}/container/NAME` } },
    );
  }
  const byVariable = Map.groupBy(chosen, (entry) => entry.variable);
  const clashes = [...byVariable].filter(([, sources]) => new Set(sources.map((source) => source.value)).size > 1);
  if (clashes.length > 0) {
    const listed = clashes
      .map(([variable, sources]) => `${variable} (${sources.map((s) => `${s.container}: ${s.value}`).join('; ')})`)
      .join(', ');
    throw new SplitterError('InvalidConfig', `Containers of the target give one variable different values: ${listed}`, {
      details: { hint: `choose the container that you run here with --target ${targetPath}/container/NAME` },
    });
  }
  return Object.fromEntries(chosen.map((entry) => [entry.variable, entry.value]));
}
