/**
 * Copies must be exact (docs/concepts.md, what is promised): body, key, partition and every attribute or header, for Kafka in order and with
 * repeats. SQS attributes are a map and have no order. Pure.
 */
import type { Attribute, ProducedLine, ReceivedLine } from './history.ts';

export type Corrupted = {
  readonly id: string;
  readonly reader: string;
  readonly field: 'body' | 'key' | 'partition' | 'attributes';
  readonly expected: string;
  readonly actual: string;
};

function canonical(attributes: readonly Attribute[], kind: ProducedLine['kind']): string {
  const plain = attributes.map(({ name, type, value, base64 }) => [name, type, value, base64 === true]);
  if (kind === 'sqs') plain.sort((left, right) => (String(left[0]) < String(right[0]) ? -1 : 1));
  return JSON.stringify(plain);
}

export function judgeFidelity(message: ProducedLine, delivery: ReceivedLine): Corrupted[] {
  const differences: Corrupted[] = [];
  const compare = (field: Corrupted['field'], expected: string, actual: string) => {
    if (expected !== actual) differences.push({ id: message.id, reader: delivery.reader, field, expected, actual });
  };
  compare('body', message.body, delivery.body);
  compare('key', JSON.stringify(message.key), JSON.stringify(delivery.key));
  compare('attributes', canonical(message.attributes, message.kind), canonical(delivery.attributes, message.kind));
  if (message.partition !== null) compare('partition', String(message.partition), String(delivery.partition));
  return differences;
}
