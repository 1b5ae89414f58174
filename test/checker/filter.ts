/**
 * The checker's own idea of a filter, written from the guide and docs/concepts.md and on purpose not shared with the
 * product: two implementations that agree are evidence, one that is used twice is not.
 */
import type { Attribute, QueueKind } from './history.ts';

/** The text that a regular expression sees. A binary SQS attribute has none and never matches. */
function textOf(attribute: Attribute, kind: QueueKind): string | undefined {
  if (attribute.base64 !== true) return attribute.value;
  return kind === 'kafka' ? Buffer.from(attribute.value, 'base64').toString('utf8') : undefined;
}

/**
 * True when every entry of the filter is matched by some value of the attribute of that name. The expression is searched, not anchored.
 * SQS compares names and values case-insensitively, Kafka case-sensitively. An empty filter matches nothing.
 */
export function filterMatches(
  filter: Readonly<Record<string, string>>,
  attributes: readonly Attribute[],
  kind: QueueKind,
): boolean {
  const entries = Object.entries(filter);
  if (entries.length === 0) return false;
  const fold = (name: string) => (kind === 'sqs' ? name.toLowerCase() : name);
  return entries.every(([name, pattern]) => {
    const expression = new RegExp(pattern, kind === 'sqs' ? 'i' : '');
    return attributes.some((attribute) => {
      if (fold(attribute.name) !== fold(name)) return false;
      const text = textOf(attribute, kind);
      return text !== undefined && expression.test(text);
    });
  });
}
