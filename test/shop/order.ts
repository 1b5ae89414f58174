/**
 * What the shop's producer and worker agree on: an order and how its attributes and headers are written down in a history.
 * The shop stands for any customer's programs, so nothing here may know that queues can be split.
 */
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { IHeaders } from 'kafkajs';
import type { Attribute } from '../checker/history.ts';

/** The JSON body of every message. */
export type Order = {
  readonly id: string;
  readonly tenant: string;
  readonly key: string | null;
  readonly seq: number;
  readonly sentAt: number;
  readonly text: string;
};

export function attributesOfSqs(attributes: Readonly<Record<string, MessageAttributeValue>> | undefined): Attribute[] {
  return Object.entries(attributes ?? {}).map(([name, { DataType, StringValue, BinaryValue }]) => {
    const type = DataType ?? '';
    if (BinaryValue === undefined) return { name, type, value: StringValue ?? '' };
    return { name, type, value: Buffer.from(BinaryValue).toString('base64'), base64: true };
  });
}

function headerOf(name: string, value: Buffer | string): Attribute {
  const bytes = Buffer.from(value);
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) return { name, type: 'header', value: text };
  return { name, type: 'header', value: bytes.toString('base64'), base64: true };
}

/** Flat, in the order that kafkajs shows: names as first met, the values of a repeated header together. */
export function attributesOfKafka(headers: IHeaders | undefined): Attribute[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one) => headerOf(name, one)),
  );
}
