// The values that variables get when a queue is swapped for another one. Pure: from the original value and the new places.
import type { EnvironmentVariable, QueueLocation, QueueVariable, SplitQueue } from '../../api/kinds/workload-split.ts';
import { parseNamesJson, renderNamesJson } from '../../common/env/names-json.ts';
import { parseQueueReference, renderQueueReference } from '../../common/naming/sqs-reference.ts';

type Swap = { queue: SplitQueue; to: QueueLocation };

/** One entry per variable; a JSON map that names several queues is rendered once with all of them swapped. */
export function environmentFor(
  queues: readonly SplitQueue[],
  placeOf: (queue: SplitQueue) => QueueLocation | undefined,
): EnvironmentVariable[] {
  const rendered = new Map<string, EnvironmentVariable>();
  for (const queue of queues) {
    const to = placeOf(queue);
    if (!to) continue;
    for (const variable of queue.variables) {
      const id = `${variable.container}/${variable.variable}`;
      const before = rendered.get(id)?.value ?? variable.original;
      rendered.set(id, { ...named(variable), value: swapped(variable, before, { queue, to }) });
    }
  }
  return [...rendered.values()];
}

/** A session's process: its own queues and, on Kafka, its own group. */
export function sessionEnvironmentFor(
  queues: readonly SplitQueue[],
  placeOf: (queue: SplitQueue) => QueueLocation | undefined,
): EnvironmentVariable[] {
  const groups = queues.flatMap((queue) => {
    const group = placeOf(queue)?.group;
    return group === undefined ? [] : queue.groupVariables.map((variable) => ({ ...named(variable), value: group }));
  });
  return [...environmentFor(queues, placeOf), ...groups];
}

function named(variable: QueueVariable): Omit<EnvironmentVariable, 'value'> {
  return {
    container: variable.container,
    variable: variable.variable,
    original: variable.original,
    origin: variable.origin,
  };
}

function swapped(variable: QueueVariable, current: string, swap: Swap): string {
  if (variable.format === 'Plain') return reference(variable.original, swap);
  const originals = parseNamesJson(variable.original, variable.variable);
  const names = parseNamesJson(current, variable.variable);
  const replacements = originals.map(({ value }, index) =>
    namesOriginal(value, swap.queue) ? reference(value, swap) : (names[index]?.value ?? value),
  );
  return renderNamesJson(current, names, replacements);
}

/** Queues of one name may be in several regions and accounts; a bare name says neither. */
function namesOriginal(text: string, { kind, original }: SplitQueue): boolean {
  if (kind === 'Kafka') return text === original.name;
  const named = parseQueueReference(text);
  const place = original.url === undefined ? undefined : parseQueueReference(original.url);
  const agrees = (one: string | undefined, other: string | undefined) =>
    one === undefined || other === undefined || one === other;
  return named.name === original.name && agrees(named.region, place?.region) && agrees(named.account, place?.account);
}

/** Keeps the form the application is used to: a name stays a name, a URL a URL, an ARN an ARN. */
function reference(text: string, { queue, to }: Swap): string {
  return queue.kind === 'Kafka' ? to.name : renderQueueReference(parseQueueReference(text), locationOf(to));
}

function locationOf(to: QueueLocation): { name: string; url?: string } {
  return { name: to.name, ...(to.url === undefined ? {} : { url: to.url }) };
}
