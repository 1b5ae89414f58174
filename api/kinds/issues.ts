// Turns zod's issues into sentences that name the field. Pure; knows no kind.
import type { z } from 'zod';

/** `['spec', 'queues', 'my.queue', 0]` → `spec.queues["my.queue"][0]`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(String(step))) text += text === '' ? String(step) : `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
}

export type FieldIssue = { path: readonly PropertyKey[]; message: string };

/** One issue for each field at fault, unions already resolved to the sentence that helps. */
export function fieldIssues(error: z.ZodError, prefix: readonly PropertyKey[] = []): FieldIssue[] {
  return error.issues.map((issue) => ({ path: [...prefix, ...issue.path], message: issue.message }));
}

/** All issues in one line: `spec.consumer.name: …; spec.queues.orders: …`. */
export function describeIssues(error: z.ZodError, prefix: readonly PropertyKey[] = []): string {
  return fieldIssues(error, prefix)
    .map(({ path, message }) => (path.length === 0 ? message : `${fieldPath(path)}: ${message}`))
    .join('; ');
}
