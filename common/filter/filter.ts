// Which messages a session gets: filters and routes over message attributes (SQS) or headers (Kafka). Pure, and on the hot path of the forwarder.
import type { Filter, QueueKind } from '../../api/kinds/common.ts';
import { SplitterError } from '../errors.ts';
import { compilePattern, type Pattern, PatternError } from './pattern.ts';

/** The attributes or headers of one message, made by `messageAttributes`; names as the kind of broker compares them. */
export type MessageAttributes = ReadonlyMap<string, readonly string[]>;

export type CompiledFilter = { readonly conditions: readonly Condition[] };

type Condition = { readonly name: string; readonly pattern: Pattern };

/** SQS compares names and values case-insensitively, as mirrord does; Kafka compares both as they are. */
const IGNORES_CASE: Readonly<Record<QueueKind, boolean>> = { SQS: true, Kafka: false };

const comparableName = (kind: QueueKind, name: string): string => (IGNORES_CASE[kind] ? name.toLowerCase() : name);

/**
 * Prepares one message for any number of filters of the same kind.
 * @param entries name and value as text, in any order; a repeated name keeps all its values.
 */
export function messageAttributes(
  kind: QueueKind,
  entries: Iterable<readonly [name: string, value: string]>,
): MessageAttributes {
  const attributes = new Map<string, string[]>();
  for (const [name, value] of entries) {
    const key = comparableName(kind, name);
    const values = attributes.get(key);
    if (values === undefined) attributes.set(key, [value]);
    else values.push(value);
  }
  return attributes;
}

/** @throws SplitterError `InvalidFilter` naming queue id, attribute, pattern and cause, for the first pattern that is refused. */
export function compileFilter(kind: QueueKind, filter: Filter, queueId: string): CompiledFilter {
  const conditions = Object.entries(filter).map(([name, source]) => {
    try {
      return { name: comparableName(kind, name), pattern: compilePattern(source, { ignoreCase: IGNORES_CASE[kind] }) };
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new SplitterError(
        'InvalidFilter',
        `The filter of queue ${queueId} for ${kind === 'SQS' ? 'attribute' : 'header'} ${name} is refused: ${JSON.stringify(source)}: ${error.message}.`,
        { cause: error, details: { queueId, attribute: name } },
      );
    }
  });
  return { conditions };
}

/** All conditions must hold, each for at least one value of its attribute; an empty filter matches no message. */
export function matches({ conditions }: CompiledFilter, attributes: MessageAttributes): boolean {
  if (conditions.length === 0) return false;
  for (const { name, pattern } of conditions) {
    const values = attributes.get(name);
    if (values === undefined || !someMatch(pattern, values)) return false;
  }
  return true;
}

function someMatch(pattern: Pattern, values: readonly string[]): boolean {
  for (const value of values) if (pattern.test(value)) return true;
  return false;
}
